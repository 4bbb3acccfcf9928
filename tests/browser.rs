//! Pages in a real browser: what people see and do, on top of what the other tests ask over HTTP. Skipped, loudly,
//! where there is no Chromium.

use crate::docs;
use crate::examples::serve;
use crate::harness::{App, Page, Server, wait_until};

fn open(server: &Server, path: &str) -> Option<Page> {
    Page::open(&format!("http://{}{path}", server.address()))
}

#[test]
fn a_to_do_is_written_down_ticked_off_and_deleted() {
    let (_app, server) = serve("todo-kv").unwrap();
    let Some(mut page) = open(&server, "/") else { return };
    let status = |text: &str| format!("document.querySelector('#status').textContent.startsWith({text:?})");
    let listed = "document.querySelector('#todos').innerText.includes('Buy milk')";
    page.wait_for(&status("0 of 0"));
    page.enter("#text", "Buy milk");
    page.wait_for(&format!("{listed} && {}", status("1 of 1")));
    page.reload();
    page.wait_for(&format!("{listed} && {}", status("1 of 1")));

    page.click("#todos input");
    page.wait_for(&status("0 of 1"));
    page.reload();
    page.wait_for(&status("0 of 1"));
    page.wait_for("document.querySelector('#todos input').checked");

    page.click("#todos button");
    page.wait_for(&status("0 of 0"));
    page.reload();
    page.wait_for(&status("0 of 0"));
    assert_eq!(page.errors(), [""; 0]);
}

#[test]
fn sveltekit_takes_over_what_the_server_rendered() {
    let Some((_app, server)) = serve("sveltekit/build") else { return };
    let Some(mut page) = open(&server, "/") else { return };
    // Clicks before the page has hydrated have no effect.
    wait_until("the counter counts", || {
        page.click("[aria-label='Increase the counter by one']");
        page.evaluate("Number(document.querySelector('.counter strong:not(.hidden)').textContent) > 0") == true
    });
    // The browser shows the next page without leaving this one.
    page.evaluate("window.isKept = true");
    page.click("a[href='/about']");
    page.wait_for("location.pathname === '/about' && document.querySelector('h1').innerText.includes('About')");
    page.wait_for("window.isKept === true");
    assert_eq!(page.errors(), [""; 0]);
}

#[test]
fn a_browser_talks_to_the_web_socket_of_the_manual() {
    let app = App::new(&docs::example("docs/web-platform.md", "WebSocketPair"));
    let server = Server::of(&app);
    let Some(mut page) = open(&server, "/") else { return };
    page.evaluate(
        "const socket = new WebSocket(`ws://${location.host}/`);
         socket.onopen = () => socket.send('hello');
         socket.onmessage = ({ data }) => (window.answer = data);",
    );
    page.wait_for("window.answer === 'you said hello'");
}
