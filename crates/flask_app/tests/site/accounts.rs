//! Accounts.

use futures_util::future::join_all;

use crate::harness::{Answer, Server};

#[actix_web::test]
async fn registering_and_logging_in_leads_to_the_page_that_was_wanted() {
    let server = Server::start();
    let visitor = server.visitor();
    visitor.get("/upload").await.redirects_to("/auth/login?next=%2Fupload");
    let fields = [("username", "ada"), ("password", "correct horse")];
    visitor.post("/auth/register", &fields).await.redirects_to("/auth/login?registered=yes");
    let with_next = [fields[0], fields[1], ("next", "/upload")];
    visitor.post("/auth/login", &with_next).await.redirects_to("/upload");
    visitor.get("/upload").await.is(200);
    visitor.post("/auth/logout", &[]).await.redirects_to("/auth/login");
    visitor.get("/").await.redirects_to("/auth/login");
}

#[actix_web::test]
async fn a_form_that_is_wrong_comes_back_with_what_was_typed_but_never_the_password() {
    let server = Server::start();
    let answer =
        server.visitor().post("/auth/register", &[("username", "ada"), ("password", "short")]).await.is(422);
    let page = answer.text();
    assert!(page.contains("at least 8") && page.contains("value=\"ada\"") && !page.contains("short"));
    server.user("ada").await;
    let again =
        server.visitor().post("/auth/register", &[("username", "ada"), ("password", "correct horse")]).await;
    assert!(again.is(422).text().contains("taken"));
}

#[actix_web::test]
async fn with_auth_logged_in_only_users_make_accounts() {
    let server = Server::with(|settings| settings.web.registration_open = false);
    server.store.create_user("admin", "correct horse").unwrap();
    let visitor = server.visitor();
    visitor.get("/auth/register").await.redirects_to("/auth/login?next=%2Fauth%2Fregister");
    let eve = [("username", "eve"), ("password", "correct horse")];
    visitor.post("/auth/register", &eve).await.redirects_to("/auth/login");
    visitor
        .post("/auth/login", &[("username", "admin"), ("password", "correct horse")])
        .await
        .redirects_to("/");
    visitor.post("/auth/register", &eve).await.redirects_to("/auth/login?registered=yes");
}

#[actix_web::test]
async fn d20_forged_forms_are_refused_and_cookies_stay_here() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    for path in
        ["duplicate", "delete", "regrid", "pft", "routing", "heatflow", "sub_basins", "set_coords", "send"]
    {
        ada.post_bare(&format!("/{id}/{path}"), &[("csrf_token", "guess")]).await.is(403);
    }
    ada.post_bare("/auth/logout", &[]).await.is(403);
    ada.post_bare("/auth/password", &[]).await.is(403);
    ada.get(&format!("/{id}/steps")).await.is(200);
    let login = server.visitor();
    let fields = [("username", "ada"), ("password", "correct horse")];
    let cookie = login.post("/auth/login", &fields).await.headers["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("session=") && cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"));
    let page = login.get("/").await;
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("script-src 'self'"));
    assert!(!page.headers.contains_key("access-control-allow-origin"));
}

#[actix_web::test]
async fn d20_a_link_of_another_site_logs_nobody_out() {
    let server = Server::start();
    let ada = server.user("ada").await;
    ada.get("/auth/logout").await.is(200);
    ada.get("/upload").await.is(200);
}

#[actix_web::test]
async fn d20_guessing_passwords_is_slowed_and_names_are_not_told_apart() {
    let server = Server::start();
    server.user("ada").await;
    let visitor = server.visitor();
    let wrong =
        visitor.post("/auth/login", &[("username", "ada"), ("password", "wrong")]).await.is(401).text();
    let unknown =
        visitor.post("/auth/login", &[("username", "bob"), ("password", "wrong")]).await.is(401).text();
    let message = "The user name or the password is not right.";
    assert!(wrong.contains(message) && unknown.contains(message));
    for _ in 0..9 {
        visitor.post("/auth/login", &[("username", "ada"), ("password", "wrong")]).await.is(401);
    }
    let blocked =
        visitor.post("/auth/login", &[("username", "ada"), ("password", "correct horse")]).await.is(429);
    assert!(blocked.headers.contains_key("retry-after"));
}

#[actix_web::test]
async fn d20_guesses_that_come_at_once_are_no_more_than_guesses_in_a_row() {
    let server = Server::start();
    server.user("ada").await;
    let visitor = server.visitor();
    let token = visitor.token().await;
    let guess = [("csrf_token", token.as_str()), ("username", "ada"), ("password", "wrong")];
    let answers = join_all((0..40).map(|_| visitor.post_bare("/auth/login", &guess))).await;
    let tried = answers.iter().filter(|answer| answer.status.as_u16() == 401).count();
    let refused = answers.iter().filter(|answer| answer.status.as_u16() == 429).count();
    // Two are looked at at a time: the second may begin before the first has failed.
    assert!((10..=11).contains(&tried), "{tried} guesses");
    assert_eq!(tried + refused, 40);
}

#[actix_web::test]
async fn d20_a_name_that_nobody_can_have_is_not_looked_up() {
    let server = Server::start();
    let long = "a".repeat(300);
    let page = server.visitor().post("/auth/login", &[("username", &long), ("password", "wrong")]).await;
    let page = page.is(422).text();
    assert!(page.contains("at most 64 characters") && !page.contains(&long), "{page}");
}

#[actix_web::test]
async fn d23_passwords_are_changed_by_who_knows_the_old_one_and_never_by_registering() {
    let server = Server::start();
    let ada = server.user("id").await;
    ada.post("/auth/register", &[("username", "id"), ("password", "another one")]).await.is(422);
    let wrong =
        [("old_password", "wrong"), ("new_password", "another one"), ("new_password_again", "another one")];
    ada.post("/auth/password", &wrong).await.is(422);
    let right = [("old_password", "correct horse"), wrong[1], wrong[2]];
    ada.post("/auth/password", &right).await.redirects_to("/");
    let again = server.visitor();
    again.post("/auth/login", &[("username", "id"), ("password", "correct horse")]).await.is(401);
    again.post("/auth/login", &[("username", "id"), ("password", "another one")]).await.redirects_to("/");
}

#[actix_web::test]
async fn a_form_that_was_sent_after_the_session_had_ended_leads_back_to_its_page() {
    let server = Server::start();
    let visitor = server.visitor();
    for (page, way) in [("/3/steps", "/auth/login?next=%2F3%2Fsteps"), ("/", "/auth/login")] {
        let request = visitor.client.post(format!("{}/3/duplicate", server.base));
        let request = request.header("referer", format!("{}{page}", server.base));
        Answer::from_response(request.send().await.unwrap()).await.redirects_to(way);
    }
    visitor.post("/3/duplicate", &[]).await.redirects_to("/auth/login");
}

#[actix_web::test]
async fn d1_a_cookie_that_was_made_up_is_nobody() {
    let server = Server::start();
    server.user("ada").await;
    let client =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
    for cookie in ["session=eyJ1c2VyX2lkIjoxfQ.Y0.x", "session=1", "session="] {
        let answer = client.get(format!("{}/", server.base)).header("cookie", cookie).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 303, "{cookie}");
    }
}
