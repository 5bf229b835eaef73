//! The command line, as clap parses it. Help texts are the manual.

use std::path::PathBuf;
use std::str::FromStr;

use boundary::{Release, regrid};
use clap::{Args, Parser, Subcommand, ValueEnum};
use coupling::{AtmosphereSize, Geometry, InlandRunoff};
use dataset::heights::{Overrides, Positive, Units};
use grid::CoordinateNames;

/// Climate Simulation Platform: from one topography to the boundary conditions of the IPSL model.
#[derive(Debug, Parser)]
#[command(name = "climsim", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole platform in this process, and print the address of its pages.
    ///
    /// Accounts, files and messages are kept in the instance folder (SQLite, built-in broker). The environment variables of the services
    /// are honoured: with BROKER_HOSTNAME or DATABASE_URL, RabbitMQ or PostgreSQL take part.
    Serve(Serve),
    /// Interpolate every variable of a file onto a regular grid.
    Regrid(Regrid),
    /// Compute river routing, bathymetry, soils and high-resolution relief.
    Routing(Routing),
    /// Compute the fractions of plant functional types.
    Pft(Pft),
    /// Write the default masks of the Atlantic, the Pacific and the Indian ocean.
    Subbasins(OnBathymetry),
    /// Compute the geothermal heat flow.
    Heatflow(OnBathymetry),
    /// Compute the lateral viscosity coefficient near western coasts.
    Ahmcoef(OnBathymetry),
    /// Find seas that have no connection to the ocean.
    InternalOceans(Labels),
    /// Find passages that are one cell wide.
    Passages(Labels),
    /// Generate a tripolar ocean grid.
    OceanGrid(OceanGrid),
    /// Compute interpolation weights between the grids of two files.
    RemapWeights(RemapWeights),
    /// Compute masks and ocean-atmosphere coupling weights: the files of OASIS and LMDZ, in a folder.
    Weights(Weights),
    /// Compare two results of `weights` file by file; fails when they differ.
    WeightsCompare(WeightsCompare),
    /// Compute everything that needs no hand from any global topography: regridding where it is needed, routing, then PFT, heat
    /// flow, ahmcoef, sub-basins and coupling weights.
    Pipeline(Pipeline),
    /// Manage accounts.
    #[command(subcommand)]
    User(User),
    /// Make the database of an instance folder. Never touches an existing one, unless told to.
    InitDb(InitDb),
    /// Check an instance folder: every stored file against its row and its hash.
    Doctor(Doctor),
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The folder that holds everything [default: INSTANCE_PATH, else ./instance].
    #[arg(long)]
    pub(crate) instance: Option<PathBuf>,
    /// Address to listen on; 0.0.0.0 serves the network [default: FLASK_RUN_HOST, else 127.0.0.1].
    #[arg(long)]
    pub(crate) host: Option<String>,
    /// Port of the pages; 0 takes a free one [default: FLASK_RUN_PORT, else 5000].
    #[arg(long)]
    pub(crate) port: Option<u16>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Make an account. The password is asked for, or read from the standard input.
    Add(Account),
    /// Give an account a new password, asked for or read from the standard input.
    Password(Account),
}

#[derive(Debug, Args)]
pub(crate) struct Account {
    /// Name of the account.
    pub(crate) name: String,
    /// The instance folder [default: INSTANCE_PATH, else ./instance].
    #[arg(long)]
    pub(crate) instance: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct InitDb {
    /// The instance folder [default: INSTANCE_PATH, else ./instance].
    #[arg(long)]
    pub(crate) instance: Option<PathBuf>,
    /// Start anew although there is a database: it is moved to the folder `backups` first.
    #[arg(long)]
    pub(crate) start_anew: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The instance folder [default: INSTANCE_PATH, else ./instance].
    #[arg(long)]
    pub(crate) instance: Option<PathBuf>,
    /// Remove what belongs to nobody: files without a row, rows of deleted data files, expired sessions.
    #[arg(long)]
    pub(crate) sweep: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Regrid {
    /// The file to regrid (any NetCDF format).
    pub(crate) input: PathBuf,
    /// The file to write.
    pub(crate) output: PathBuf,
    /// Distance between target longitudes, in degrees.
    #[arg(long, default_value_t = 1.0, value_parser = spacing)]
    pub(crate) lon_step: f64,
    /// Distance between target latitudes, in degrees.
    #[arg(long, default_value_t = 1.0, value_parser = spacing)]
    pub(crate) lat_step: f64,
    /// Cover the globe, or just what the data cover.
    #[arg(long, value_enum, default_value_t = Limits::Default)]
    pub(crate) limits: Limits,
    #[command(flatten)]
    pub(crate) values: RegridValues,
    #[command(flatten)]
    pub(crate) coordinates: Coordinates,
    #[command(flatten)]
    pub(crate) release: ReleaseOption,
}

/// How the values of the target cells are found.
#[derive(Debug, Args)]
pub(crate) struct RegridValues {
    /// How the values of the target cells are found [default: auto, which is linear with --release 2021 and 2023].
    #[arg(long, visible_alias = "interpolator", value_enum, default_value_t = RegridMethod::Auto, hide_default_value = true)]
    pub(crate) method: RegridMethod,
    /// The part of a target cell that has to have values for it to have one, 0 to 1; 0: any part will do (corrected release).
    #[arg(long, value_name = "PART", default_value_t = regrid::DEFAULT_MIN_VALID_FRACTION, value_parser = part)]
    pub(crate) min_valid_fraction: f64,
    /// Keep land and sea apart: a cell of a topography is made of land only or of sea only, as its nearest source cell is
    /// or, with conservative methods, most of its area. Default where auto refines; volumes at the coast are not kept.
    #[arg(long, visible_alias = "separate-land-sea", conflicts_with = "mix_coast")]
    pub(crate) keep_coast: bool,
    /// Never keep land and sea apart.
    #[arg(long)]
    pub(crate) mix_coast: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Routing {
    /// The topography: heights or depths on a regular global grid, in the units that the file says.
    pub(crate) input: PathBuf,
    /// Name of the topography's variable; guessed from standard_name and names when absent.
    #[arg(long)]
    pub(crate) topo_var: Option<String>,
    /// The directory for routing.nc, bathy.nc, soils.nc and topo_high_res.nc (made if missing).
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Coordinates of the ocean grid; without it the built-in tripolar grid is generated.
    #[arg(long, value_name = "FILE")]
    pub(crate) ocean_grid: Option<PathBuf>,
    /// Names of the longitude and latitude of the cell centres in the ocean grid; found when absent.
    #[arg(long, value_name = "LON,LAT", requires = "ocean_grid")]
    pub(crate) ocean_coordinates: Option<CoordinateNames>,
    /// A file whose variable `latitude` holds the latitudes of the relief; without it they are regular.
    #[arg(long, value_name = "FILE")]
    pub(crate) relief_latitudes: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) heights: HeightOptions,
    #[command(flatten)]
    pub(crate) coordinates: Coordinates,
    #[command(flatten)]
    pub(crate) release: ReleaseOption,
}

#[derive(Debug, Args)]
pub(crate) struct Pft {
    /// The routing file.
    pub(crate) routing: PathBuf,
    /// The file to write.
    pub(crate) output: PathBuf,
    /// JSON table `{"dataArray": [[latitude, 13 percentages], ...]}`; without it the platform's default.
    #[arg(long, value_name = "FILE.json")]
    pub(crate) table: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) release: ReleaseOption,
}

#[derive(Debug, Args)]
pub(crate) struct OnBathymetry {
    /// The bathymetry on the ocean grid.
    pub(crate) bathymetry: PathBuf,
    /// The file to write.
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) release: ReleaseOption,
}

#[derive(Debug, Args)]
pub(crate) struct Labels {
    /// A topography (height above sea level) or a bathymetry (depth): told by `positive`, the standard name or the name.
    pub(crate) input: PathBuf,
    /// Name of the variable.
    #[arg(long)]
    pub(crate) var: String,
    #[command(flatten)]
    pub(crate) heights: HeightOptions,
    /// Write the map of labels to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct OceanGrid {
    /// The file to write: a NEMO coordinates file.
    pub(crate) output: PathBuf,
    /// The two northern poles as LON,LAT,LON,LAT in degrees (they should lie on land).
    #[arg(long, value_name = "LON,LAT,LON,LAT", allow_hyphen_values = true)]
    pub(crate) poles: Option<Poles>,
    /// Nominal resolution in degrees.
    #[arg(long, default_value_t = 2.0, value_parser = spacing)]
    pub(crate) resolution: f64,
}

#[derive(Debug, Args)]
pub(crate) struct RemapWeights {
    /// A file with the source grid: a NEMO coordinates file, or longitudes and latitudes after the CF conventions.
    pub(crate) source: PathBuf,
    /// A file with the target grid.
    pub(crate) target: PathBuf,
    /// The file to write.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// How target values are made of source values.
    #[arg(long, value_enum, default_value_t = RemapMethod::Conservative)]
    pub(crate) method: RemapMethod,
    /// Which program reads the file.
    #[arg(long, value_enum, default_value_t = WeightFormat::Oasis)]
    pub(crate) format: WeightFormat,
    /// What conservative weights are divided by: the target cell's area (for fluxes), or its covered area (for values).
    #[arg(long, value_enum, default_value_t = Norm::Fracarea)]
    pub(crate) norm: Norm,
    /// Names of longitude and latitude in the source file; guessed when absent.
    #[arg(long, value_name = "LON,LAT")]
    pub(crate) source_coordinates: Option<CoordinateNames>,
    /// Names of longitude and latitude in the target file; guessed when absent.
    #[arg(long, value_name = "LON,LAT")]
    pub(crate) target_coordinates: Option<CoordinateNames>,
    /// A variable of the source file: cells where it is missing or 0 take no part; with =VALUE, cells where it is anything else.
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(crate) source_mask: Option<String>,
    /// The same of the target file.
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(crate) target_mask: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RemapMethod {
    /// Mean over the overlaps.
    Conservative,
    /// Mean over the overlaps of planes through the source cells.
    Conservative2,
    /// Between the four source centres around.
    Bilinear,
    /// The nearest source centre.
    Nearest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WeightFormat {
    /// OASIS3-MCT (rmp_*.nc).
    Oasis,
    /// SCRIP and CDO.
    Scrip,
    /// ESMF and xESMF.
    Esmf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Norm {
    /// The area of the target cell.
    Destarea,
    /// The part of it that is covered.
    Fracarea,
}

#[derive(Debug, Args)]
pub(crate) struct Weights {
    /// The bathymetry on the ocean grid.
    #[arg(long, value_name = "FILE")]
    pub(crate) bathy: PathBuf,
    /// The NEMO coordinates of the ocean grid, with the whole C grid (`climsim ocean-grid` makes one).
    #[arg(long, value_name = "FILE")]
    pub(crate) coordinates: PathBuf,
    /// The masks of the sub-basins.
    #[arg(long, value_name = "FILE")]
    pub(crate) subbasins: PathBuf,
    /// The folder for the files (made if missing).
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// LMDZ grid: columns by intervals between the poles, such as 96x95 (IPSLCM5A2) or 144x142 (IPSLCM6).
    #[arg(long, value_name = "NxM", default_value_t = AtmosphereSize::default())]
    pub(crate) atmosphere: AtmosphereSize,
    /// Name of the simulation in the names of files, up to 15 characters without x.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Reproduce the original's numbers, its slips included.
    #[arg(long)]
    pub(crate) legacy: bool,
    /// Edges of cells: legacy (straight in a plane around each cell, as the original) or spherical (great circles).
    #[arg(long, value_name = "GEOMETRY", default_value = "legacy")]
    pub(crate) geometry: Geometry,
    /// Run-off of land far from the coast: drop (left to the rivers of the land model), nearest-coast, or spread.
    #[arg(long, value_name = "WHAT", default_value = "drop")]
    pub(crate) inland_runoff: InlandRunoff,
    /// How far from the coast land drains to it, in kilometres.
    #[arg(long, value_name = "KM", default_value_t = 400.0)]
    pub(crate) dist_max: f64,
    /// How far run-off is spread along the coast, in kilometres, where it is.
    #[arg(long, value_name = "KM", default_value_t = 500.0)]
    pub(crate) dist_max_voisin: f64,
    /// Limits of the bands of latitude for the calving, south to north.
    #[arg(
        long,
        value_name = "LAT,LAT,...",
        value_delimiter = ',',
        allow_hyphen_values = true,
        default_values_t = [-90.0, -55.0, 40.0, 90.0]
    )]
    pub(crate) ylimits: Vec<f64>,
    /// Seas that receive no calving; may be given several times.
    #[arg(long, value_enum, value_name = "WHICH")]
    pub(crate) no_calving: Vec<NoCalving>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum NoCalving {
    /// Seas without a connection to the largest one (l_calving_nomed = n).
    ClosedSeas,
    /// The Atlantic north of the first band (l_calving_noatl = y).
    Atlantic,
    /// The Pacific north of the first band (l_calving_nopac = y).
    Pacific,
}

#[derive(Debug, Args)]
pub(crate) struct WeightsCompare {
    /// A folder or tar.gz of weights.
    pub(crate) a: PathBuf,
    /// Another.
    pub(crate) b: PathBuf,
    /// How far values may differ, relative to the larger of the two.
    #[arg(long, value_name = "NUMBER", default_value_t = 0.0)]
    pub(crate) tolerance: f64,
    /// Compare values only, no attributes.
    #[arg(long)]
    pub(crate) values_only: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Pipeline {
    #[command(flatten)]
    pub(crate) routing: Routing,
    /// Regrid to cells of so many degrees before routing; without it a file is regridded to 1 degree if routing needs it
    /// or if its cells are smaller than a quarter of a degree.
    #[arg(long, value_name = "DEGREES", value_parser = spacing, conflicts_with = "no_regrid")]
    pub(crate) resolution: Option<f64>,
    /// Route the file on its own grid.
    #[arg(long)]
    pub(crate) no_regrid: bool,
    #[command(flatten)]
    pub(crate) values: RegridValues,
    /// The height to give to cells without a value, such as -3000 where a file has land only.
    #[arg(long, value_name = "METRES", allow_hyphen_values = true)]
    pub(crate) fill_missing: Option<f64>,
    /// JSON table of the PFT step; without it the platform's default.
    #[arg(long, value_name = "FILE.json")]
    pub(crate) table: Option<PathBuf>,
}

/// What the numbers of the topography are, where the file does not say it or says it wrongly.
#[derive(Debug, Args)]
pub(crate) struct HeightOptions {
    /// Units of the variable: m, km, cm, ft or geopotential (m2/s2) [default: its attribute units, else m].
    #[arg(long)]
    pub(crate) units: Option<Units>,
    /// Direction of the variable: up (heights) or down (depths) [default: told by its attributes and its name].
    #[arg(long)]
    pub(crate) positive: Option<Positive>,
}

impl HeightOptions {
    pub(crate) fn overrides(&self) -> Overrides {
        Overrides { units: self.units, positive: self.positive }
    }
}

/// Names of the coordinates, where they cannot be told from the file.
#[derive(Debug, Args)]
pub(crate) struct Coordinates {
    /// Name of the longitude; guessed from names, units and axis attributes when absent.
    #[arg(long)]
    pub(crate) lon: Option<String>,
    /// Name of the latitude; guessed when absent.
    #[arg(long)]
    pub(crate) lat: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ReleaseOption {
    /// Generation of the numerics: corrected for new work; 2023 or 2021 to continue work that was published with the
    /// original platform.
    #[arg(long, default_value_t = Release::default())]
    pub(crate) release: Release,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Limits {
    /// 180W to 180E and 90S to 90N.
    Default,
    /// The extent of the data.
    Data,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RegridMethod {
    /// Conservative where the target is nowhere finer than the source, else bilinear with the coast kept.
    Auto,
    /// Mean over the area of the cell: volumes are kept.
    Conservative,
    /// The same of planes through the source cells: smooth where the target is finer.
    Conservative2,
    /// Linear along longitude and latitude between cell centres.
    #[value(alias = "linear")]
    Bilinear,
    /// The nearest cell centre.
    Nearest,
}

/// A part of a whole, 0 to 1.
fn part(text: &str) -> Result<f64, String> {
    let part: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=1.0).contains(&part) { Ok(part) } else { Err("it has to be 0 to 1".to_owned()) }
}

/// A distance between grid points, in degrees.
fn spacing(text: &str) -> Result<f64, String> {
    let degrees: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if degrees.is_finite() && degrees > 0.0 { Ok(degrees) } else { Err("it has to be above 0".to_owned()) }
}

/// The northern poles of an ocean grid, on opposite meridians.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Poles {
    /// Degrees.
    pub(crate) first_lon: f64,
    /// Degrees.
    pub(crate) first_lat: f64,
    /// Degrees.
    pub(crate) second_lat: f64,
}

impl FromStr for Poles {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Result<Vec<f64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
        let Ok(&[first_lon, first_lat, second_lon, second_lat]) = numbers.as_deref() else {
            return Err("four numbers are needed: LON,LAT,LON,LAT".to_owned());
        };
        let apart = (second_lon - first_lon).rem_euclid(360.0);
        // Not a number is not 180 either.
        if (apart - 180.0).abs() <= 1e-6 {
            return Ok(Self { first_lon, first_lat, second_lat });
        }
        Err(format!("the two poles must lie on opposite meridians, and {first_lon} and {second_lon} do not"))
    }
}
