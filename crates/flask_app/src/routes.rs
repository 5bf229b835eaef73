//! The list of routes.

use actix_web::web::{self as aw, ServiceConfig};
use actix_web::{Route, guard};

use crate::pages::{accounts, assets, compare, download, files, steps, tasks, various};

/// All routes of the service.
pub fn configure(config: &mut ServiceConfig) {
    config
        .service(page("/static/{hash}/{path:.*}").route(get().to(web::serve_asset)))
        .service(page("/favicon.ico").route(get().to(various::favicon)))
        .service(page("/findings").route(get().to(various::findings)))
        .service(page("/about").route(get().to(various::about)))
        .service(page("/hello").route(get().to(various::hello)))
        .service(page("/session").route(get().to(various::session)))
        .service(page("/").route(get().to(files::list)))
        .service(
            page("/auth/register")
                .route(get().to(accounts::register_form))
                .route(aw::post().to(accounts::register)),
        )
        .service(
            page("/auth/login").route(get().to(accounts::login_form)).route(aw::post().to(accounts::login)),
        )
        .service(
            page("/auth/logout")
                .route(get().to(accounts::logout_form))
                .route(aw::post().to(accounts::logout)),
        )
        .service(
            page("/auth/password")
                .route(get().to(accounts::password_form))
                .route(aw::post().to(accounts::change_password)),
        )
        .service(
            page("/auth/tokens")
                .route(get().to(accounts::tokens))
                .route(aw::post().to(accounts::create_token)),
        )
        .service(page("/auth/tokens/{token}/revoke").route(aw::post().to(accounts::revoke_token)))
        .service(page("/upload").route(get().to(files::upload_form)).route(aw::post().to(files::upload)))
        .configure(crate::api::configure)
        .service(page("/api/{id}/steps/stepsTable").route(get().to(steps::steps_table)))
        .service(page("/api/{id}/steps/assetsTable").route(get().to(steps::assets_table)))
        .service(page("/users").route(get().to(various::user_names)))
        .configure(workflow)
        .configure(|config| crate::field::configure(config, "/{id}"));
}

fn workflow(config: &mut ServiceConfig) {
    config
        .service(page("/{id}").route(get().to(files::to_steps)))
        .service(page("/{id}/steps").route(get().to(steps::page)))
        .service(page("/{id}/events").route(get().to(steps::events)))
        .service(page("/{id}/steps/{step}/retry").route(aw::post().to(steps::retry)))
        .service(page("/{id}/steps/{step}/cancel").route(aw::post().to(steps::cancel)))
        .service(
            page("/{id}/set_coords")
                .route(get().to(files::coordinates_form))
                .route(aw::post().to(files::coordinates)),
        )
        .service(
            page("/{id}/release").route(get().to(files::release_form)).route(aw::post().to(files::release)),
        )
        .service(page("/{id}/delete").route(get().to(files::delete_form)).route(aw::post().to(files::delete)))
        .service(page("/{id}/duplicate").route(aw::post().to(files::duplicate)))
        .service(page("/{id}/send").route(get().to(files::send_form)).route(aw::post().to(files::send)))
        .service(page("/{id}/regrid").route(get().to(tasks::regrid_form)).route(aw::post().to(tasks::regrid)))
        .service(
            page("/{id}/routing").route(get().to(tasks::routing_form)).route(aw::post().to(tasks::routing)),
        )
        .service(page("/{id}/pft").route(get().to(tasks::pft_form)).route(aw::post().to(tasks::pft)))
        .service(
            page("/{id}/heatflow")
                .route(get().to(tasks::heatflow_form))
                .route(aw::post().to(tasks::heatflow)),
        )
        .service(
            page("/{id}/ahmcoef").route(get().to(tasks::ahmcoef_form)).route(aw::post().to(tasks::ahmcoef)),
        )
        .service(
            page("/{id}/calculate_weights")
                .route(get().to(tasks::weights_form))
                .route(aw::post().to(tasks::weights)),
        )
        .service(page("/{id}/internal_oceans").route(get().to(tasks::internal_oceans)))
        .service(page("/{id}/passage_problems").route(get().to(tasks::passage_problems)))
        .service(
            page("/{id}/sub_basins")
                .route(get().to(tasks::sub_basins_form))
                .route(aw::post().to(tasks::sub_basins)),
        )
        .service(page("/{id}/map").route(get().to(assets::map)))
        .service(page("/{id}/download").route(get().to(download::all)))
        .service(page("/{id}/{type}/view").route(get().to(assets::view)))
        .service(page("/{id}/{type}/variable_explorer").route(get().to(assets::explorer)))
        .service(page("/{id}/{type}/fileInfo").route(get().to(assets::info)))
        .service(page("/{id}/{type}/revision_comparison").route(get().to(compare::page)))
        .service(page("/{id}/{type}/download").route(get().to(download::one)));
}

/// A page: a method that it does not have is told so, and is no unknown page.
fn page(path: &str) -> actix_web::Resource {
    aw::resource(path)
}

/// GET, and HEAD, which is a GET without the body.
pub(crate) fn get() -> Route {
    aw::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}
