//! A headless browser that tells what a page does in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use twinrack_reports::html::escape;

/// Names under which Chromium is installed.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// Chromium.
pub struct Browser(PathBuf);

/// How a page is opened.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// Width of the window, in pixels.
    pub width: u32,
    /// Whether the reader prefers dark ground.
    pub dark: bool,
}

/// A desktop by day.
pub const DESKTOP: View = View {
    width: 1200,
    dark: false,
};

/// Looks at a page from within.
const PROBE: &str = include_str!("probe.js");

/// What a page did.
#[derive(Debug)]
pub struct Opened {
    /// Its elements, once it had been loaded.
    pub dom: String,
    /// What it wrote to the console: errors, warnings, what its policy forbade.
    pub console: Vec<String>,
    /// The addresses it asked for over a network.
    pub requests: Vec<String>,
}

impl Browser {
    /// The browser of this machine. Without one the caller has nothing to hold, which is said loudly.
    pub fn of_this_machine(what: &str) -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path)
            .flat_map(|folder| NAMES.map(|name| folder.join(name)))
            .find(|program| program.is_file());
        if found.is_none() {
            eprintln!("SKIPPED: there is no Chromium on this machine, so {what} was not looked at");
        }
        found.map(Self)
    }

    /// Opens a page.
    pub fn open(&self, html: &str, view: View) -> Opened {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("page.html"), html).expect("writes");
        let output = Command::new(&self.0)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--hide-scrollbars",
            ])
            // Nothing leaves the machine, whatever the page or the browser itself asks for.
            .arg("--host-resolver-rules=MAP * ~NOTFOUND")
            .args(["--enable-logging=stderr", "--log-level=0", "--dump-dom"])
            .arg(format!(
                "--blink-settings=preferredColorScheme={}",
                u8::from(!view.dark)
            ))
            .arg(format!("--window-size={},1000", view.width))
            .arg(format!("--user-data-dir={}", at("profile").display()))
            .arg(format!("--log-net-log={}", at("net.json").display()))
            .arg(format!("file://{}", at("page.html").display()))
            .output()
            .expect("the browser starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let stderr = text(&output.stderr);
        assert!(output.status.success(), "the browser failed:\n{stderr}");
        Opened {
            dom: text(&output.stdout),
            console: stderr
                .lines()
                .filter(|line| line.contains(":CONSOLE"))
                .map(ToOwned::to_owned)
                .collect(),
            requests: requests(&at("net.json")),
        }
    }
}

/// The addresses that a file asked for, from the browser's log of its network; what the browser asks for by itself is not the page's.
fn requests(log: &Path) -> Vec<String> {
    let log = std::fs::read(log).expect("the browser wrote its log");
    let log: Value = serde_json::from_slice(&log).expect("a log is JSON");
    let started = &log["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"];
    assert!(started.is_u64(), "the log names its events otherwise now");
    let events = log["events"].as_array().expect("a log has events");
    let of_page = |params: &&Value| {
        let isolation = params["network_isolation_key"].as_str();
        isolation.is_some_and(|key| key.starts_with("file:"))
    };
    events
        .iter()
        .filter(|event| event["type"] == *started)
        .map(|event| &event["params"])
        .filter(of_page)
        .filter_map(|params| params["url"].as_str())
        .map(ToOwned::to_owned)
        .collect()
}

/// What the probe finds in a page on screens of these widths. A window can't be as narrow as a telephone, a frame in it can.
pub fn probed(browser: &Browser, html: &str, dark: bool, widths: &[u32]) -> Vec<Value> {
    // The policy of the page would forbid the probe too.
    let (head, rest) = html
        .split_once("<meta http-equiv=")
        .expect("the page has a policy");
    let (_, rest) = rest.split_once('>').expect("which ends");
    let probe = format!("<script>{PROBE}</script></body>");
    let page = escape(&format!("{head}{rest}").replace("</body>", &probe));
    let frame = |width| {
        format!("<iframe width=\"{width}\" height=\"900\" frameborder=\"0\" srcdoc=\"{page}\"></iframe>")
    };
    let frames: String = widths.iter().map(frame).collect();
    let opened = browser.open(
        &format!("<!doctype html><body>{frames}"),
        View { dark, ..DESKTOP },
    );
    let results = opened.dom.split("<pre class=\"probe\">").skip(1);
    let found: Vec<Value> = results
        .map(|result| {
            let (json, _) = result.split_once("</pre>").expect("it ends");
            let json = json
                .replace("&gt;", ">")
                .replace("&lt;", "<")
                .replace("&amp;", "&");
            serde_json::from_str(&json).expect("the probe writes JSON")
        })
        .collect();
    assert_eq!(found.len(), widths.len(), "a probe failed: {:?}", opened.console);
    found
}
