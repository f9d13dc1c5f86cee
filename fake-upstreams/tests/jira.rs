//! `jira` and the service behind it: whose token arrives there, and what a caller hears of its refusals.

use fake_upstreams::{
    Account,
    servers::jira::{Remote, Rest, RestAnswer, RestError, RestRequest, Routed, service},
};
use http::Method;
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{header, method, path},
};

fn request(method: Method, path: &str, token: Option<&str>, body: Option<Value>) -> RestRequest {
    RestRequest { method, path: path.to_owned(), token: token.map(str::to_owned), body }
}

#[tokio::test]
async fn the_service_knows_three_rights() {
    let account = |login: &str, scopes: &[&str]| Account {
        login: login.into(),
        token: format!("token-{login}"),
        scopes: scopes.iter().map(ToString::to_string).collect(),
        eras: None,
    };
    let accounts = vec![
        account("lead", &["read", "write", "transition"]),
        account("dev", &["read", "write"]),
        account("guest", &["read"]),
    ];
    let routed = Routed(service(accounts, [("lead".to_owned(), "mark".to_owned())].into()));
    let create =
        |token| request(Method::POST, "/rest/api/3/issue", token, Some(json!({ "fields": { "summary": "broken" } })));
    let done = json!({ "transition": { "name": "Done" } });
    let move_on = |token| request(Method::POST, "/rest/api/3/issue/DEV-1/transitions", token, Some(done.clone()));
    for (request, status) in [
        (create(None), 401),
        (create(Some("token-guest")), 403),
        (create(Some("token-dev")), 201),
        (move_on(Some("token-dev")), 403),
        (move_on(Some("token-lead")), 200),
        (request(Method::GET, "/rest/api/3/search?text=brok", Some("token-dev"), None), 200),
        (request(Method::GET, "/rest/api/3/myself", Some("token-nobody"), None), 401),
    ] {
        assert_eq!(routed.send(request.clone()).await.unwrap().status, status, "{request:?}");
    }
    let found =
        routed.send(request(Method::GET, "/rest/api/3/search?text=brok", Some("token-lead"), None)).await.unwrap();
    let found: Value = serde_json::from_str(&found.body).unwrap();
    assert_eq!(found, json!({ "caller": { "displayName": "lead", "accountId": "mark" }, "issues": [] }));
}

#[tokio::test]
async fn over_http_the_callers_own_token_arrives_and_no_redirect_is_followed() {
    let server = MockServer::start().await;
    let stranger = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/rest/api/3/myself"))
        .and(header("authorization", "Bearer token-bob"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "displayName": "bob" })))
        .expect(1)
        .mount(&server)
        .await;
    let away = ResponseTemplate::new(307).insert_header("location", stranger.uri());
    Mock::given(path("/away")).respond_with(away).mount(&server).await;
    Mock::given(wiremock::matchers::any()).respond_with(ResponseTemplate::new(200)).expect(0).mount(&stranger).await;
    let remote = Remote::new(&server.uri()).unwrap();
    let bob = remote.send(request(Method::GET, "/rest/api/3/myself", Some("token-bob"), None)).await.unwrap();
    assert_eq!(bob, RestAnswer { status: 200, body: r#"{"displayName":"bob"}"#.to_owned() });
    let sent_away = remote.send(request(Method::GET, "/away", Some("token-bob"), None)).await.unwrap();
    assert_eq!(sent_away.status, 307);
}

#[tokio::test]
async fn a_service_that_is_gone_or_talks_too_much_is_told_without_a_secret() {
    let gone = Remote::new("http://127.0.0.1:9").unwrap();
    let asked = request(Method::GET, "/rest/api/3/myself", Some("token-bob"), None);
    assert_eq!(gone.send(asked.clone()).await, Err(RestError::Unreachable));
    let server = MockServer::start().await;
    let endless = ResponseTemplate::new(200).set_body_string("x".repeat(2 << 20));
    Mock::given(method("GET")).respond_with(endless).mount(&server).await;
    let error = Remote::new(&server.uri()).unwrap().send(asked).await.unwrap_err();
    assert_eq!(error, RestError::TooLarge);
    assert!(!error.to_string().contains("token"), "{error}");
}
