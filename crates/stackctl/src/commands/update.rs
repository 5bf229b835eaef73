//! `update`: a round of Watchtower, now.

use std::time::Duration;

use reqwest_tls::StatusCode;
use serde_json::{Value, json};

use crate::arguments::Peers;
use crate::output::CommandOutput;
use crate::{Error, http, secret};

/// Watchtower ends a round after ten minutes unless it is told otherwise.
const ROUND: Duration = Duration::from_secs(15 * 60);

pub(crate) async fn update(peers: &Peers, in_background: bool) -> Result<CommandOutput, Error> {
    let base = http::address("Watchtower's address", &peers.watchtower)?;
    let Some(token) = secret::from_environment("WATCHTOWER_TOKEN")? else {
        return Err(Error::Usage(
            "Watchtower wants its token: set WATCHTOWER_TOKEN or WATCHTOWER_TOKEN_FILE".to_owned(),
        ));
    };
    let what = "a round of Watchtower";
    let client = http::build(http::client(peers.ca.as_deref())?)?;
    let url = base.join("v1/update").map_err(|error| Error::answer(what, error.to_string()))?;
    let mut request = client.post(url).bearer_auth(token.reveal()).timeout(ROUND);
    if in_background {
        request = request.query(&[("async", "true")]);
    }
    let response = match http::send(what, request).await {
        Err(Error::Status { status: 404, .. }) => {
            return Err(Error::Refused(
                "Watchtower does not serve this: start it with WATCHTOWER_HTTP_API_ENDPOINTS=update"
                    .to_owned(),
            ));
        }
        Err(Error::Status { status: 429, .. }) => {
            return Err(Error::Refused(
                "Watchtower is in the middle of a round: it sees the new images, or try again in a minute"
                    .to_owned(),
            ));
        }
        other => other?,
    };
    if response.status() == StatusCode::ACCEPTED {
        return Ok(CommandOutput::well("Watchtower has begun a round", json!({ "started": true })));
    }
    // Releases before 1.12 answer with nothing at all.
    let text = response.text().await.unwrap_or_default();
    let said: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    let count = |key: &str| said["summary"][key].as_i64();
    let (Some(scanned), Some(updated), Some(failed)) = (count("scanned"), count("updated"), count("failed"))
    else {
        return Ok(CommandOutput::well("Watchtower has made a round", said));
    };
    let skipped = count("skipped").unwrap_or(0);
    let text = format!(
        "Watchtower looked at {scanned} containers: {updated} updated, {failed} failed, {skipped} put off or not followed"
    );
    Ok(CommandOutput { text, json: said, well: failed == 0 })
}
