//! Accounts.

use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::result::DatabaseErrorKind;
use diesel::sql_types::{BigInt, Integer, Text};

use crate::connection::AnyConnection;
use crate::password::{self, Verdict};
use crate::schema::{sessions, users};
use crate::{Error, SessionId, Store, UserId};

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Its name, as typed at registration.
    pub name: String,
}

/// The outcome of [`Store::change_password`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordChange {
    /// The new password counts; other sessions are closed.
    Changed,
    /// The old password was not right: nothing changed.
    WrongPassword,
}

impl Store {
    /// Makes an account. The password is stored as an argon2id hash; rules for its length are the caller's.
    ///
    /// # Errors
    /// [`Error::NameTaken`], [`Error::Invalid`] for an empty name or password, or a failing database.
    pub fn create_user(&self, name: &str, password: &str) -> Result<UserId, Error> {
        not_empty("user name", name)?;
        if name.chars().any(char::is_control) {
            let problem = "it must not contain control characters".to_owned();
            return Err(Error::Invalid { field: "user name", problem });
        }
        not_empty("password", password)?;
        let hash = password::hash(password)?;
        self.write(|conn| {
            if diesel::select(exists(users::table.filter(users::username.eq(name)))).get_result(conn)? {
                return Err(Error::NameTaken { name: name.to_owned() });
            }
            diesel::insert_into(users::table)
                .values((users::username.eq(name), users::password.eq(&hash)))
                .returning(users::id)
                .get_result(conn)
                .map(UserId)
                .map_err(|error| match error {
                    diesel::result::Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => {
                        Error::NameTaken { name: name.to_owned() }
                    }
                    other => other.into(),
                })
        })
    }

    /// The user of that name and password; `None` for an unknown name and for a wrong password alike, after about
    /// the same time. A hash of the original (pbkdf2, scrypt) is replaced by argon2id here.
    ///
    /// # Errors
    /// A failing database.
    pub fn authenticate(&self, name: &str, password: &str) -> Result<Option<User>, Error> {
        let row: Option<(i32, String)> = self.read(|conn| {
            let query = users::table.filter(users::username.eq(without_nul(name)));
            Ok(query.select((users::id, users::password)).first(conn).optional()?)
        })?;
        let Some((id, stored)) = row.filter(|_| !name.contains('\0')) else {
            password::verify_nothing(password);
            return Ok(None);
        };
        match password::verify(password, &stored) {
            Verdict::Wrong => return Ok(None),
            Verdict::Right => {}
            Verdict::RightButOld => {
                let hash = password::hash(password)?;
                // Only the hash that was verified is replaced: a password changed meanwhile stays.
                self.write(|conn| {
                    let row = users::table.filter(users::id.eq(id)).filter(users::password.eq(&stored));
                    Ok(diesel::update(row).set(users::password.eq(&hash)).execute(conn)?)
                })?;
                tracing::info!(user = id, "replaced the password hash of an earlier release");
            }
        }
        Ok(Some(User { id: UserId(id), name: name.to_owned() }))
    }

    /// Changes the password of a user who knows the old one. Sessions other than `keep` are closed.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] for an empty password, or a failing database.
    pub fn change_password(
        &self,
        user: UserId,
        old: &str,
        new: &str,
        keep: Option<&SessionId>,
    ) -> Result<PasswordChange, Error> {
        not_empty("password", new)?;
        let stored: String = self
            .read(|conn| Ok(users::table.find(user.0).select(users::password).first(conn).optional()?))?
            .ok_or_else(|| no_user(user))?;
        if password::verify(old, &stored) == Verdict::Wrong {
            return Ok(PasswordChange::WrongPassword);
        }
        self.replace_password(user, new, keep)?;
        Ok(PasswordChange::Changed)
    }

    /// Sets a password without knowing the old one (administration) and closes the user's sessions.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] for an empty password, or a failing database.
    pub fn set_password(&self, user: UserId, new: &str) -> Result<(), Error> {
        not_empty("password", new)?;
        self.replace_password(user, new, None)
    }

    /// The user with that id.
    ///
    /// # Errors
    /// A failing database.
    pub fn user(&self, id: UserId) -> Result<Option<User>, Error> {
        self.read(|conn| user_row(conn, id))
    }

    /// The user of exactly that name.
    ///
    /// # Errors
    /// A failing database.
    pub fn user_by_name(&self, name: &str) -> Result<Option<User>, Error> {
        self.read(|conn| {
            let query = users::table.filter(users::username.eq(without_nul(name)));
            let row = query.select((users::id, users::username)).first::<(i32, String)>(conn).optional()?;
            Ok(row.filter(|_| !name.contains('\0')).map(User::from))
        })
    }

    /// At most `limit` users whose names begin with `prefix` (in any case), in the order of their names.
    ///
    /// # Errors
    /// A failing database.
    pub fn names_like(&self, prefix: &str, limit: i64) -> Result<Vec<User>, Error> {
        let pattern = without_nul(prefix).replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_") + "%";
        self.read(|conn| {
            let query = diesel::sql_query(
                "SELECT id, username FROM \"user\" WHERE lower(username) LIKE lower($1) ESCAPE '\\' \
                 ORDER BY username LIMIT $2",
            );
            let rows: Vec<NameRow> =
                query.bind::<Text, _>(pattern).bind::<BigInt, _>(limit.max(0)).load(conn)?;
            Ok(rows.into_iter().map(|row| User { id: UserId(row.id), name: row.username }).collect())
        })
    }

    fn replace_password(&self, user: UserId, new: &str, keep: Option<&SessionId>) -> Result<(), Error> {
        let hash = password::hash(new)?;
        self.write(|conn| {
            let changed =
                diesel::update(users::table.find(user.0)).set(users::password.eq(&hash)).execute(conn)?;
            if changed == 0 {
                return Err(no_user(user));
            }
            let kept = keep.map_or("", |session| session.0.as_str());
            let others = sessions::table.filter(sessions::user_id.eq(user.0)).filter(sessions::id.ne(kept));
            diesel::delete(others).execute(conn)?;
            Ok(())
        })
    }
}

#[derive(QueryableByName)]
struct NameRow {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Text)]
    username: String,
}

impl From<(i32, String)> for User {
    fn from((id, name): (i32, String)) -> Self {
        Self { id: UserId(id), name }
    }
}

pub(crate) fn user_row(conn: &mut AnyConnection, id: UserId) -> Result<Option<User>, Error> {
    let query = users::table.find(id.0).select((users::id, users::username));
    Ok(query.first::<(i32, String)>(conn).optional()?.map(User::from))
}

pub(crate) fn no_user(id: UserId) -> Error {
    Error::NotFound { what: "user", id: id.to_string() }
}

/// PostgreSQL takes no text with NUL, and no stored name has one: what follows it is cut off for the query.
fn without_nul(text: &str) -> &str {
    text.split('\0').next().unwrap_or_default()
}

fn not_empty(field: &'static str, value: &str) -> Result<(), Error> {
    if value.trim().is_empty() {
        return Err(Error::Invalid { field, problem: "it must not be empty".to_owned() });
    }
    Ok(())
}
