//! What a fresh machine lacks: found out, installed, said aloud. Each step is fast when there is
//! nothing to do.

use std::path::PathBuf;
use std::process::Command;

use crate::command::{apt, cargo, find, output, run, step};
use crate::places;

/// The splitter that Leptos’ own lazy routes are made for.
const WASM_SPLIT: &str = "0.2.4";

const WASM: &str = "wasm32-unknown-unknown";
/// The optimiser of the browser half, as npm has it.
const BINARYEN: &str = "binaryen@132.0.0";

/// Everything that building needs.
pub fn for_building() -> Result<(), String> {
    if find("cc").is_none() {
        apt(&["build-essential"], "SQLite and zstd are compiled from C")?;
    }
    wasm_target()?;
    wasm_bindgen()?;
    wasm_split()?;
    node()?;
    wasm_opt();
    Ok(())
}

/// What the tests need besides.
pub fn for_testing() -> Result<(), String> {
    if chromium().is_none() {
        apt(&["chromium"], "pages are tested in a real browser")?;
    }
    if crate::database::programs().is_none() {
        apt(&["postgresql"], "everything runs on PostgreSQL too; the tests start a private server")?;
    }
    for (program, package, why) in [
        ("prometheus", "prometheus", "the tests let it write its samples here, and ask it the same questions"),
        ("amtool", "prometheus-alertmanager", "the tests hold grouping and inhibition against it"),
        ("vmagent", "victoria-metrics", "the tests let it write its samples here"),
        ("prometheus-node-exporter", "prometheus-node-exporter", "the tests ask it for its metrics"),
    ] {
        if find(program).is_none() {
            apt(&[package], why)?;
        }
    }
    python_clients()?;
    let folder = places::root().join("end2end");
    let installed = folder.join("node_modules/.package-lock.json");
    let newer = |a: &PathBuf, b: &PathBuf| {
        let time = |p: &PathBuf| std::fs::metadata(p).and_then(|m| m.modified()).ok();
        time(a) >= time(b)
    };
    if !installed.exists() || !newer(&installed, &folder.join("package-lock.json")) {
        step("the browser tests’ npm packages");
        run(
            Command::new("npm")
                .args(["ci", "--no-fund", "--no-audit"])
                .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")
                .current_dir(&folder),
            "is the npm registry reachable?",
        )?;
    }
    Ok(())
}

/// The Python in which the tests' real clients are: OpenTelemetry's SDK, pandas, a model's client.
pub fn python() -> PathBuf {
    places::tools().join("python/bin/python")
}

fn python_clients() -> Result<(), String> {
    let wanted = places::root().join("server/tests/clients/requirements.txt");
    let wanted = std::fs::read_to_string(&wanted).map_err(|e| format!("{}: {e}", wanted.display()))?;
    let folder = places::tools().join("python");
    let installed = folder.join("installed.txt");
    if std::fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return Ok(());
    }
    step("real clients for the tests: OpenTelemetry’s SDK for Python, pandas (into a folder of their own)");
    let _ = std::fs::remove_dir_all(&folder);
    let venv = |program: &str| run(Command::new(program).args(["-m", "venv"]).arg(&folder), "is python3-venv there?");
    if find("python3").is_none() || venv("python3").is_err() {
        apt(&["python3", "python3-venv"], "the tests send by the official clients for Python")?;
        let _ = std::fs::remove_dir_all(&folder);
        venv("/usr/bin/python3")?;
    }
    let list = folder.join("requirements.txt");
    std::fs::write(&list, &wanted).map_err(|e| e.to_string())?;
    run(
        Command::new(python())
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(&list),
        "is PyPI reachable?",
    )?;
    std::fs::write(&installed, wanted).map_err(|e| e.to_string())
}

pub fn chromium() -> Option<PathBuf> {
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(find)
}

fn has_target(toolchain: Option<&str>) -> bool {
    let mut command = Command::new("rustc");
    if let Some(toolchain) = toolchain {
        command.env("RUSTUP_TOOLCHAIN", toolchain);
    }
    output(command.args(["--print", "target-libdir", "--target", WASM]))
        .and_then(|folder| std::fs::read_dir(folder).ok())
        .is_some_and(|mut files| files.any(|f| f.is_ok_and(|f| f.file_name().to_string_lossy().starts_with("libcore"))))
}

/// The toolchain for the browser half, where it is not the default one, and its linker.
pub fn wasm_environment() -> Vec<(&'static str, String)> {
    if has_target(None) {
        return Vec::new();
    }
    vec![("RUSTUP_TOOLCHAIN", "debian".into()), ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld-22".into())]
}

fn wasm_target() -> Result<(), String> {
    if has_target(None) || has_target(Some("debian")) {
        return Ok(());
    }
    step("the compiler’s target for browsers");
    if run(Command::new("rustup").args(["target", "add", WASM]), "trying Debian’s compiler").is_ok() && has_target(None)
    {
        return Ok(());
    }
    // Where rustup cannot fetch: Debian's compiler and its sources make the target's library.
    apt(&["rustc-web", "cargo-web", "rust-web-src", "lld-22"], "rustup could not fetch the target")?;
    let folder = places::tools().join("wasm-std");
    std::fs::create_dir_all(folder.join("src")).map_err(|e| e.to_string())?;
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).map_err(|e| e.to_string());
    write("Cargo.toml", "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[workspace]\n")?;
    write("src/lib.rs", "")?;
    run(
        Command::new("/usr/bin/cargo")
            .args(["build", "-Zbuild-std=std,panic_abort", "--target", WASM, "--release"])
            .current_dir(&folder)
            .env("CARGO_TARGET_DIR", folder.join("target"))
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTC", "/usr/bin/rustc")
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld-22"),
        "install the target by hand: rustup target add wasm32-unknown-unknown",
    )?;
    let library = format!("/usr/lib/rustlib/{WASM}/lib");
    let built = folder.join("target").join(WASM).join("release/deps");
    let copy = format!("mkdir -p {library} && cp {}/lib*.rlib {library}/", built.display());
    let root = output(Command::new("id").arg("-u")).as_deref() == Some("0");
    let mut command = if root { Command::new("sh") } else { Command::new("sudo") };
    if !root {
        command.arg("sh");
    }
    run(command.args(["-c", &copy]), "copy the library by hand")?;
    run(Command::new("rustup").args(["toolchain", "link", "debian", "/usr"]), "link the toolchain by hand")?;
    if has_target(Some("debian")) {
        Ok(())
    } else {
        Err(format!("the target {WASM} is still missing; run rustup target add {WASM}"))
    }
}

/// The version of wasm-bindgen that Cargo.lock holds: the tool must be exactly the same.
fn locked_bindgen() -> Result<String, String> {
    let lock = std::fs::read_to_string(places::root().join("Cargo.lock")).map_err(|e| format!("Cargo.lock: {e}"))?;
    let mut lines = lock.lines();
    lines
        .find(|l| *l == "name = \"wasm-bindgen\"")
        .and_then(|_| lines.next())
        .and_then(|l| l.strip_prefix("version = \""))
        .map(|v| v.trim_end_matches('"').to_string())
        .ok_or_else(|| "Cargo.lock names no wasm-bindgen".to_string())
}

pub fn wasm_bindgen_path() -> Result<PathBuf, String> {
    Ok(places::tools().join(format!("wasm-bindgen-{}", locked_bindgen()?)).join("bin/wasm-bindgen"))
}

fn wasm_bindgen() -> Result<(), String> {
    let path = wasm_bindgen_path()?;
    if path.exists() {
        return Ok(());
    }
    let version = locked_bindgen()?;
    step(&format!("wasm-bindgen {version} (the version of Cargo.lock; two minutes, once)"));
    let root = places::tools().join(format!("wasm-bindgen-{version}"));
    let install = ["install", "wasm-bindgen-cli", "--version", version.as_str(), "--root"];
    run(cargo(&install).arg(root).env("CARGO_TARGET_DIR", places::tools().join("target")), "is crates.io reachable?")
}

pub fn wasm_split_path() -> PathBuf {
    places::tools().join(format!("wasm-split-{WASM_SPLIT}")).join("bin/wasm-split-cli")
}

/// Cuts the module into what every page needs and what single pages need.
fn wasm_split() -> Result<(), String> {
    if wasm_split_path().exists() {
        return Ok(());
    }
    step(&format!("wasm-split {WASM_SPLIT} (a minute, once)"));
    let root = places::tools().join(format!("wasm-split-{WASM_SPLIT}"));
    let install = [
        "install",
        "wasm_split_cli_support",
        "--version",
        WASM_SPLIT,
        "--locked",
        "--features",
        "build-binary",
        "--root",
    ];
    run(cargo(&install).arg(root).env("CARGO_TARGET_DIR", places::tools().join("target")), "is crates.io reachable?")
}

fn node() -> Result<(), String> {
    if find("node").is_some() && find("npm").is_some() {
        Ok(())
    } else {
        apt(&["nodejs", "npm"], "it packs the site and drives the browser tests")
    }
}

pub fn wasm_opt_path() -> PathBuf {
    places::tools().join("binaryen/node_modules/binaryen/bin/wasm-opt")
}

/// A smaller module loads faster; without the optimiser everything still works.
fn wasm_opt() {
    if wasm_opt_path().exists() {
        return;
    }
    step("wasm-opt (npm’s binaryen), for a smaller browser module");
    let folder = places::tools().join("binaryen");
    let install = std::fs::create_dir_all(&folder).is_ok()
        && ["binaryen", BINARYEN].iter().rev().any(|package| {
            run(
                Command::new("npm").args(["install", "--no-fund", "--no-audit", "--prefix"]).arg(&folder).arg(package),
                "the browser module stays larger",
            )
            .is_ok()
        });
    if !install {
        eprintln!("  the npm registry did not answer: the browser module stays larger, all else is the same");
    }
}
