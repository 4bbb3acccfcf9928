//! A directory as a whole: its fallback page, what is wrong with it, what changes under it.

use super::*;

#[test]
fn the_fallback_answers_navigations_only() {
    let fixture = fixture();
    let fallback = |method: Method, accept: &str| {
        let headers = HeaderMap::from_iter([(http::header::ACCEPT, HeaderValue::try_from(accept).unwrap())]);
        fixture.runtime.block_on(fixture.files.fallback(&method, &headers))
    };
    let reply = fallback(Method::GET, "application/xml;q=0.9, text/html, */*;q=0.8").unwrap();
    assert_eq!((reply.status.as_u16(), read(&reply.body).as_slice()), (200, b"<p>shell".as_slice()));
    assert_eq!(reply.headers["cache-control"], "public, max-age=0, must-revalidate");
    assert!(read(&fallback(Method::HEAD, "text/html").unwrap().body).is_empty());
    assert!(fallback(Method::GET, "*/*").is_none());
    assert!(fallback(Method::GET, "text/html;q=0").is_none());
    assert!(fallback(Method::POST, "text/html").is_none());
}

#[test]
fn what_is_not_served_is_told() {
    let fixture = fixture();
    let skipped = fixture.runtime.block_on(fixture.files.warm()).unwrap();
    let mut names: Vec<_> = skipped.iter().map(|skipped| skipped.path.file_name().unwrap().to_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["beside-link.txt", "docs-link", "hidden-link.txt", "outer-link.txt", "parent"]);
}

#[test]
fn a_broken_deployment_is_refused_with_a_code() {
    let fixture = fixture();
    let root = fixture.directory.path().join("static");
    let cache = || ContentCache::new(1 << 20);
    let open = |path: &str| StaticFiles::open(options(&root.join(path)), cache()).err().map(|error| error.code());
    assert_eq!(open("missing"), Some("STATIC_DIRECTORY_UNREADABLE"));
    assert_eq!(open("hello.txt"), Some("STATIC_DIRECTORY_UNREADABLE"));

    fs::remove_file(root.join("about.html")).unwrap();
    let files = StaticFiles::open(options(&root), cache()).unwrap();
    fixture.runtime.block_on(async {
        assert_eq!(files.warm().await.unwrap_err().code(), "STATIC_PAGE_MISSING");
        let Lookup::Refused(reply) = files.respond(&Method::GET, "/hello.txt", &HeaderMap::new()).await else {
            panic!("a broken deployment was served");
        };
        assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(read(&reply.body), b"STATIC_PAGE_MISSING: this file cannot be read right now\n");
        fs::write(root.join("about.html"), "<p>late").unwrap();
        files.warm().await.unwrap();
    });
}

#[test]
fn files_swapped_after_the_walk_lead_nowhere_else() {
    let fixture = fixture();
    let root = fixture.directory.path().join("static");
    fixture.runtime.block_on(fixture.files.warm()).unwrap();
    let code = |target: &str| match fixture.respond(&get(target)) {
        Lookup::Refused(reply) => String::from_utf8(read(&reply.body)).unwrap(),
        other => panic!("{target}: {other:?}"),
    };

    fs::remove_file(root.join("hello.txt")).unwrap();
    symlink("../secret.txt", root.join("hello.txt")).unwrap();
    assert!(code("/hello.txt").starts_with("STATIC_FILE_REPLACED"));

    fs::rename(root.join("docs"), root.join("docs-before")).unwrap();
    fs::create_dir(fixture.directory.path().join("outside")).unwrap();
    fs::write(fixture.directory.path().join("outside/index.html"), SECRET).unwrap();
    symlink("../outside", root.join("docs")).unwrap();
    assert!(code("/docs/").starts_with("STATIC_FILE_REPLACED"));

    fs::remove_file(root.join("style.css")).unwrap();
    fs::create_dir(root.join("style.css")).unwrap();
    assert!(code("/style.css").starts_with("STATIC_FILE_REPLACED"));

    fs::remove_file(root.join("both")).unwrap();
    fixture.check([get("/both")]);
}

#[test]
fn a_large_file_that_changes_gets_a_new_tag() {
    let fixture = fixture();
    let changed: Vec<u8> = large().into_iter().rev().collect();
    fixture.check([get("/large.bin").gives(200).has("etag", tag(&large()))]);
    fs::write(fixture.directory.path().join("static/large.bin"), &changed).unwrap();
    fixture.check([get("/large.bin").gives(200).has("etag", tag(&changed)).body(&changed)]);
}

#[test]
fn a_full_cache_changes_nothing_but_speed() {
    let fixture = fixture();
    let root = fixture.directory.path().join("static");
    let files = StaticFiles::open(options(&root), ContentCache::new(0)).unwrap();
    Fixture { files, ..fixture }.check([get("/hello.txt").gives(200).has("etag", tag(HELLO)).body(HELLO)]);
}
