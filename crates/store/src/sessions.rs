//! Sessions, flash messages and API tokens: secrets are stored as hashes only.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::accounts::{no_user, user_row};
use crate::connection::AnyConnection;
use crate::schema::{api_tokens, sessions, users};
use crate::{Error, SESSION_DAYS, Store, TokenId, User, UserId, clock, json, random};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Marks API tokens, so that one that leaked is recognised wherever it is found.
const TOKEN_PREFIX: &str = "climsim_";

/// What the browser keeps: the secret of a session. It is not stored, only its hash is.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken(pub String);

impl std::fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionToken(..)")
    }
}

/// The name of a session in the database (the hash of its token).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionId(pub String);

/// A logged-in session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// Who is logged in.
    pub user: User,
    /// The token that forms must carry.
    pub csrf: String,
    /// Messages waiting for the next page that shows them; see [`Store::take_flashes`].
    pub flashes: Vec<Flash>,
}

/// A message for the next page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flash {
    /// `message`, `error`, ...: how it looks.
    pub category: String,
    /// What it says.
    pub text: String,
}

/// An API token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Its id, for [`Store::revoke_token`].
    pub id: TokenId,
    /// What the user called it.
    pub label: String,
    /// UTC, `YYYY-MM-DD HH:MM:SS.mmm`.
    pub created: String,
    /// UTC, to the hour; `None` when never used.
    pub last_used: Option<String>,
}

impl Store {
    /// Opens a session. It ends [`SESSION_DAYS`] days after its last use.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown user, or a failing database.
    pub fn create_session(&self, user: UserId) -> Result<SessionToken, Error> {
        let (token, csrf) = (random::secret()?, random::secret()?);
        self.write(|conn| {
            user_row(conn, user)?.ok_or_else(|| no_user(user))?;
            let row = (
                sessions::id.eq(hashed(&token)),
                sessions::user_id.eq(user.0),
                sessions::csrf.eq(&csrf),
                sessions::flashes.eq("[]"),
                sessions::created_at.eq(clock::millis()),
                sessions::expires_ms.eq(clock::epoch_ms() + SESSION_DAYS * DAY_MS),
            );
            diesel::insert_into(sessions::table).values(row).execute(conn)?;
            Ok(())
        })?;
        Ok(SessionToken(token))
    }

    /// The session of a token; `None` when there is none or it has expired. One indexed read; once a day it also
    /// writes, to move the expiry.
    ///
    /// # Errors
    /// A failing database.
    pub fn session(&self, token: &str) -> Result<Option<Session>, Error> {
        let id = hashed(token);
        let row: Option<(i32, String, String, String, i64)> = self.read(|conn| {
            let query = sessions::table
                .inner_join(users::table.on(users::id.eq(sessions::user_id)))
                .filter(sessions::id.eq(&id))
                .select((
                    users::id,
                    users::username,
                    sessions::csrf,
                    sessions::flashes,
                    sessions::expires_ms,
                ));
            Ok(query.first(conn).optional()?)
        })?;
        let now = clock::epoch_ms();
        let Some((user, name, csrf, flashes, expires)) = row.filter(|row| row.4 > now) else {
            return Ok(None);
        };
        if expires - now < (SESSION_DAYS - 1) * DAY_MS {
            let renewed = self.write(|conn| {
                let expires = sessions::expires_ms.eq(now + SESSION_DAYS * DAY_MS);
                Ok(diesel::update(sessions::table.find(&id)).set(expires).execute(conn)?)
            });
            // It is valid all the same: on a full disk, say, pages can still be read.
            if let Err(error) = renewed {
                tracing::debug!(%error, "a session could not be renewed");
            }
        }
        Ok(Some(Session {
            id: SessionId(id),
            user: User::from((user, name)),
            csrf,
            flashes: flashes_of(&flashes),
        }))
    }

    /// Leaves a message for the next page. Does nothing when the session is gone.
    ///
    /// # Errors
    /// A failing database.
    pub fn add_flash(&self, session: &SessionId, category: &str, text: &str) -> Result<(), Error> {
        let flash = Flash { category: category.to_owned(), text: text.to_owned() };
        self.write(|conn| {
            let Some(mut flashes) = flashes_row(conn, session)? else { return Ok(()) };
            flashes.push(flash);
            set_flashes(conn, session, &flashes)
        })
    }

    /// Hands out the waiting messages, each once.
    ///
    /// # Errors
    /// A failing database.
    pub fn take_flashes(&self, session: &SessionId) -> Result<Vec<Flash>, Error> {
        // Most pages find none: they do not become writers for that.
        if self.read(|conn| flashes_row(conn, session))?.is_none_or(|flashes| flashes.is_empty()) {
            return Ok(Vec::new());
        }
        self.write(|conn| {
            let flashes = flashes_row(conn, session)?.unwrap_or_default();
            set_flashes(conn, session, &[])?;
            Ok(flashes)
        })
    }

    /// Ends a session; one that does not exist is fine.
    ///
    /// # Errors
    /// A failing database.
    pub fn delete_session(&self, session: &SessionId) -> Result<(), Error> {
        self.write(|conn| {
            diesel::delete(sessions::table.find(&session.0)).execute(conn)?;
            Ok(())
        })
    }

    /// Makes an API token and returns its plain text, which cannot be read again.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown user, or a failing database.
    pub fn create_token(&self, user: UserId, label: &str) -> Result<String, Error> {
        let token = format!("{TOKEN_PREFIX}{}", random::secret()?);
        self.write(|conn| {
            user_row(conn, user)?.ok_or_else(|| no_user(user))?;
            let row = (
                api_tokens::user_id.eq(user.0),
                api_tokens::label.eq(label),
                api_tokens::hash.eq(hashed(&token)),
                api_tokens::created_at.eq(clock::millis()),
            );
            diesel::insert_into(api_tokens::table).values(row).execute(conn)?;
            Ok(())
        })?;
        Ok(token)
    }

    /// The user of an API token.
    ///
    /// # Errors
    /// A failing database.
    pub fn user_by_token(&self, token: &str) -> Result<Option<User>, Error> {
        let row: Option<(i32, String, i32, Option<String>)> = self.read(|conn| {
            let query = api_tokens::table
                .inner_join(users::table.on(users::id.eq(api_tokens::user_id)))
                .filter(api_tokens::hash.eq(hashed(token)))
                .select((users::id, users::username, api_tokens::id, api_tokens::last_used_at));
            Ok(query.first(conn).optional()?)
        })?;
        let Some((user, name, id, last_used)) = row else { return Ok(None) };
        // To the hour: a script that polls must not become a writer.
        let hour = clock::seconds().get(..13).map(|hour| format!("{hour}:00:00"));
        if last_used != hour {
            let noted = self.write(|conn| {
                Ok(diesel::update(api_tokens::table.find(id))
                    .set(api_tokens::last_used_at.eq(hour))
                    .execute(conn)?)
            });
            // As for sessions.
            if let Err(error) = noted {
                tracing::debug!(%error, "the use of a token could not be noted");
            }
        }
        Ok(Some(User::from((user, name))))
    }

    /// The user's API tokens, oldest first.
    ///
    /// # Errors
    /// A failing database.
    pub fn tokens(&self, user: UserId) -> Result<Vec<ApiToken>, Error> {
        self.read(|conn| {
            let query =
                api_tokens::table.filter(api_tokens::user_id.eq(user.0)).order(api_tokens::id).select((
                    api_tokens::id,
                    api_tokens::label,
                    api_tokens::created_at,
                    api_tokens::last_used_at,
                ));
            let rows: Vec<(i32, String, String, Option<String>)> = query.load(conn)?;
            Ok(rows
                .into_iter()
                .map(|(id, label, created, last_used)| ApiToken {
                    id: TokenId(id),
                    label,
                    created,
                    last_used,
                })
                .collect())
        })
    }

    /// Ends a token of this user.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the user has no such token, or a failing database.
    pub fn revoke_token(&self, user: UserId, token: TokenId) -> Result<(), Error> {
        self.write(|conn| {
            let row =
                api_tokens::table.filter(api_tokens::id.eq(token.0)).filter(api_tokens::user_id.eq(user.0));
            if diesel::delete(row).execute(conn)? == 0 {
                return Err(Error::NotFound { what: "token", id: token.to_string() });
            }
            Ok(())
        })
    }
}

/// How a secret stands in the database. It is long and random: a slow hash would protect nothing.
fn hashed(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

fn flashes_of(text: &str) -> Vec<Flash> {
    serde_json::from_str(text).unwrap_or_default()
}

fn flashes_row(conn: &mut AnyConnection, session: &SessionId) -> Result<Option<Vec<Flash>>, Error> {
    let query = sessions::table.find(&session.0).select(sessions::flashes);
    Ok(query.first::<String>(conn).optional()?.map(|text| flashes_of(&text)))
}

fn set_flashes(conn: &mut AnyConnection, session: &SessionId, flashes: &[Flash]) -> Result<(), Error> {
    let text = json::text(&flashes)?;
    diesel::update(sessions::table.find(&session.0)).set(sessions::flashes.eq(text)).execute(conn)?;
    Ok(())
}
