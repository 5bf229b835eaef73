//! The commands that look after an instance folder: `user`, `init-db`, `doctor`.

use std::io::{IsTerminal, stdin};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use store::{Doctor, Store};

use super::serve::instance_configuration;
use crate::arguments::{self, User};

pub(crate) fn user(command: &User) -> Result<()> {
    match command {
        User::Add(account) => {
            let store = open(account.instance.as_ref())?;
            store.create_user(&account.name, &password()?)?;
            println!("Account '{}' made.", account.name);
        }
        User::Password(account) => {
            let store = open(account.instance.as_ref())?;
            let Some(user) = store.user_by_name(&account.name)? else {
                bail!("there is no account '{}'", account.name);
            };
            store.set_password(user.id, &password()?)?;
            println!("Password of '{}' changed.", account.name);
        }
    }
    Ok(())
}

pub(crate) fn init_db(arguments: &arguments::InitDb) -> Result<()> {
    let config = instance_configuration(arguments.instance.as_ref())?.store();
    if let Some(database) = store::existing_database(&config) {
        if !arguments.start_anew {
            bail!(
                "{} exists and is left alone (it is brought up to date at every start); \
                 `--start-anew` moves it to backups and makes an empty one",
                database.display()
            );
        }
        if let Some(aside) = store::set_database_aside(&config)? {
            println!("The old database is now {}.", aside.display());
        }
    }
    open(arguments.instance.as_ref())?;
    println!("The database is ready.");
    Ok(())
}

pub(crate) fn doctor(arguments: &arguments::Doctor) -> Result<()> {
    let store = open(arguments.instance.as_ref())?;
    let report = store.doctor(if arguments.sweep { Doctor::Sweep } else { Doctor::Look })?;
    let list = |what: &str, names: &[String]| {
        println!("{what}: {}", names.len());
        for name in names {
            println!("  {name}");
        }
    };
    list("missing files", &report.missing_files);
    list("files that are not what was stored", &report.changed_files);
    list("files that belong to nothing", &report.orphan_files);
    println!("rows that belong to nothing: {}", report.orphan_rows);
    println!("data files without an owner: {}", report.ownerless_data_files);
    println!("expired sessions: {}", report.expired_sessions);
    let damaged = report.missing_files.len() + report.changed_files.len();
    if damaged > 0 {
        bail!("{damaged} stored files are missing or not what was stored: restore them from a backup");
    }
    Ok(())
}

fn open(instance: Option<&PathBuf>) -> Result<Store> {
    let config = instance_configuration(instance)?;
    Store::open(&config.store())
        .with_context(|| format!("opening the instance folder {}", config.instance.display()))
}

/// Asked for at a terminal, without showing it; else one line of the standard input.
fn password() -> Result<String> {
    if stdin().is_terminal() {
        let first = rpassword::prompt_password("Password: ")?;
        if rpassword::prompt_password("Again: ")? != first {
            bail!("the two passwords differ");
        }
        return Ok(first);
    }
    let mut line = String::new();
    stdin().read_line(&mut line).context("reading the password from the standard input")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
