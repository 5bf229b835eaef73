//! Addresses to go back to: only ever inside this site.

/// The path to go to after a form, if `text` is one inside this site: it starts with exactly one slash and has no
/// backslash or control character, which browsers read as parts of another site's address.
///
/// ```
/// assert_eq!(web::local_path("/3/steps?x=1"), Some("/3/steps?x=1"));
/// assert_eq!(web::local_path("//evil.example/"), None);
/// assert_eq!(web::local_path("/\\evil.example/"), None);
/// assert_eq!(web::local_path("javascript:alert(1)"), None);
/// ```
pub fn local_path(text: &str) -> Option<&str> {
    let inside = text.starts_with('/')
        && !text.starts_with("//")
        && !text.contains(|c: char| c == '\\' || c.is_control() || c.is_whitespace());
    inside.then_some(text)
}
