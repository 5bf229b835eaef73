//! Whose pages may open the websocket: browsers do not ask, they send the cookie along.

use actix_web::HttpRequest;
use actix_web::http::header::{HOST, ORIGIN};

/// Whether the page that opens the websocket is this site's, or of a site that `allowed` names (`host`, `host:port`, or
/// `*` for any). Browsers always say where a page is from; what does not is no browser and no page.
pub(crate) fn is_allowed(request: &HttpRequest, allowed: &[String]) -> bool {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = header(ORIGIN) else { return false };
    permits(origin, header(HOST), allowed)
}

fn permits(origin: &str, host: Option<&str>, allowed: &[String]) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let default_port = if scheme == "https" { ":443" } else { ":80" };
    let plain = |text: &str| text.strip_suffix(default_port).unwrap_or(text).to_ascii_lowercase();
    let from = plain(authority);
    let name = from.rsplit_once(':').map_or(from.as_str(), |(name, _)| name);
    host.is_some_and(|host| plain(host) == from)
        || allowed.iter().any(|entry| {
            let entry = plain(entry.split_once("://").map_or(entry.as_str(), |(_, rest)| rest));
            entry == "*" || entry == from || entry == name
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_site_and_those_named_may() {
        let named = |entry: &str| vec![entry.to_owned()];
        for (origin, host, allowed, permitted) in [
            ("http://site.org", "site.org", vec![], true),
            ("https://site.org", "site.org:443", vec![], true),
            ("http://SITE.org:80", "site.org", vec![], true),
            ("http://localhost:5000", "localhost:5000", vec![], true),
            ("http://localhost:5001", "localhost:5000", vec![], false),
            ("http://evil.org", "site.org", vec![], false),
            ("http://site.org.evil.org", "site.org", vec![], false),
            ("null", "site.org", vec![], false),
            ("http://other.org", "site.org", named("other.org"), true),
            ("http://other.org:8080", "site.org", named("other.org"), true),
            ("http://other.org:8080", "site.org", named("other.org:8080"), true),
            ("http://other.org:8081", "site.org", named("other.org:8080"), false),
            ("http://anything", "site.org", named("*"), true),
            ("http://evil.org", "site.org", named(""), false),
        ] {
            assert_eq!(permits(origin, Some(host), &allowed), permitted, "{origin} at {host}, {allowed:?}");
        }
    }
}
