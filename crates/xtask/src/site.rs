//! The site: the browser half and the styles, named by their content, precompressed.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use crate::command::{cargo, run, step};
use crate::{places, setup};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Release,
    Development,
}

/// What makes a module smaller as it is sent, which is not what makes it smaller: functions that are nearly the same
/// lie beside each other when they lie in the order of their names, and what is shortened by rewriting it (`-Oz`)
/// repeats itself less and compresses worse. Measured on the first page: 456 KiB against 471, in a third of the time.
const SMALLER: [&str; 4] = ["-O1", "--reorder-functions-by-name", "--strip-debug", "--strip-producers"];

/// Chromium refuses a module optimised with all features: these are the ones browsers have.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
];

fn hash(bytes: &[u8]) -> String {
    // Fixed keys: the same content has the same name on every machine.
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).map_err(|e| format!("cannot write {}: {e}", path.display()))
}

/// Builds the site where anything changed, and gives its folder.
pub fn build(kind: Kind) -> Result<PathBuf, String> {
    let profile = if kind == Kind::Release { "wasm" } else { "wasm-dev" };
    step("the browser half (WebAssembly)");
    let mut command =
        cargo(&["build", "--package", "frontend", "--target", "wasm32-unknown-unknown", "--profile", profile]);
    command.envs(setup::wasm_environment());
    run(&mut command, "see the compiler’s message above")?;
    let module = read(&places::target().join(format!("wasm32-unknown-unknown/{profile}/frontend.wasm")))?;
    let style = bundle(&places::root().join("style/main.css"))?;
    let site = places::cache().join(format!("site-{profile}"));
    let stamp = format!("{}-{}-{}", hash(&module), hash(style.as_bytes()), hash(&public_files()?.concat_bytes()));
    if fs::read_to_string(site.join("stamp.txt")).is_ok_and(|known| known == stamp) {
        return Ok(site);
    }
    pack(kind, &site, &style, profile)?;
    write(&site.join("stamp.txt"), stamp.as_bytes())?;
    Ok(site)
}

struct PublicFiles(Vec<(String, Vec<u8>)>);

impl PublicFiles {
    fn concat_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(name, bytes)| [name.as_bytes(), bytes].concat()).collect()
    }
}

fn public_files() -> Result<PublicFiles, String> {
    let folder = places::root().join("public");
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).map_err(|e| e.to_string())?.flatten() {
        if entry.path().is_file() {
            files.push((entry.file_name().to_string_lossy().into_owned(), read(&entry.path())?));
        }
    }
    files.sort();
    Ok(PublicFiles(files))
}

/// Style sheets with their imports put in place.
fn bundle(path: &Path) -> Result<String, String> {
    let text = String::from_utf8(read(path)?).map_err(|e| e.to_string())?;
    let mut out = String::new();
    for line in text.lines() {
        match line.trim().strip_prefix("@import \"").and_then(|rest| rest.strip_suffix("\";")) {
            Some(name) => out.push_str(&bundle(&path.with_file_name(name))?),
            None => {
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    Ok(out)
}

/// Everything a page loads of the browser half lies in one folder named by all of it: the parts of the module
/// and the scripts name each other.
fn pack(kind: Kind, site: &Path, style: &str, profile: &str) -> Result<(), String> {
    step("packing the site");
    let work = places::cache().join(format!("pack-{profile}"));
    let _ = fs::remove_dir_all(&work);
    let _ = fs::remove_dir_all(site);
    let (parts, ready) = (work.join("parts"), work.join("ready"));
    fs::create_dir_all(&ready).map_err(|e| e.to_string())?;
    let input = places::target().join(format!("wasm32-unknown-unknown/{profile}/frontend.wasm"));
    // What single pages need beyond the first comes when they are opened.
    run(
        Command::new(setup::wasm_split_path()).arg(&input).arg(&parts).args(["--out-name", "plimsoll"]),
        "run cargo xtask setup",
    )?;
    // Names are needed until the functions have been put in order by them.
    let shrinks = kind == Kind::Release && setup::wasm_opt_path().exists();
    let mut bindgen = Command::new(setup::wasm_bindgen_path()?);
    bindgen.args(["--target", "web", "--keep-lld-exports", "--remove-producers-section", "--no-typescript"]);
    if !shrinks {
        bindgen.arg("--remove-name-section");
    }
    bindgen.args(["--out-name", "plimsoll", "--out-dir"]).arg(&ready).arg(parts.join("plimsoll.wasm"));
    run(&mut bindgen, "run cargo xtask setup")?;
    for name in names(&parts)?.into_iter().filter(|name| name != "plimsoll.wasm") {
        fs::copy(parts.join(&name), ready.join(&name)).map_err(|e| e.to_string())?;
    }
    if shrinks {
        shrink(&ready)?;
    }
    let files: Vec<(String, Vec<u8>)> = names(&ready)?
        .into_iter()
        .map(|name| Ok((name.clone(), read(&ready.join(&name))?)))
        .collect::<Result<_, String>>()?;
    let all = files.iter().flat_map(|(name, bytes)| [name.as_bytes(), bytes].concat()).collect::<Vec<u8>>();
    let folder = format!("pkg/{}", hash(&all));
    fs::create_dir_all(site.join(&folder)).map_err(|e| e.to_string())?;
    for (name, bytes) in &files {
        write(&site.join(&folder).join(name), bytes)?;
    }
    let sheet = format!("pkg/plimsoll.{}.css", hash(style.as_bytes()));
    write(&site.join(&sheet), style.as_bytes())?;
    for (name, bytes) in public_files()?.0 {
        write(&site.join(name), &bytes)?;
    }
    let manifest =
        format!("{{\"wasm\":\"/{folder}/plimsoll_bg.wasm\",\"js\":\"/{folder}/plimsoll.js\",\"css\":\"/{sheet}\"}}\n");
    write(&site.join("manifest.json"), manifest.as_bytes())?;
    if kind == Kind::Release {
        compress(&site.join("pkg"))?;
        compress(&site.join(&folder))?;
    }
    Ok(())
}

/// Makes the modules of a folder smaller, as many at once as there are cores; the largest first, so that none is
/// waited for at the end.
fn shrink(folder: &Path) -> Result<(), String> {
    let mut modules: Vec<(u64, PathBuf)> = names(folder)?
        .into_iter()
        .filter(|name| name.ends_with(".wasm"))
        .map(|name| folder.join(name))
        .map(|path| (fs::metadata(&path).map_or(0, |m| m.len()), path))
        .collect();
    modules.sort();
    let left = Mutex::new(modules);
    let work = || -> Result<(), String> {
        while let Some((_, module)) = left.lock().map_err(|e| e.to_string())?.pop() {
            let small = module.with_extension("small");
            let mut command = Command::new(setup::wasm_opt_path());
            // It wonders aloud at names that it then drops.
            command.args(SMALLER).args(FEATURES).arg(&module).arg("-o").arg(&small).stderr(Stdio::null());
            if run(&mut command, "the module stays larger").is_ok() {
                fs::rename(&small, &module).map_err(|e| e.to_string())?;
            } else {
                let _ = fs::remove_file(&small);
            }
        }
        Ok(())
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| "a worker panicked".to_string())?)
    })
}

/// The files of a folder, in order.
fn names(folder: &Path) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}

/// Brotli and gzip beside each file, by Node's own zlib.
fn compress(folder: &Path) -> Result<(), String> {
    const SCRIPT: &str = "const z=require('zlib'),f=require('fs'),p=require('path');for(const n of f.readdirSync(process.argv[1])){\
        const o=p.join(process.argv[1],n);if(!f.statSync(o).isFile())continue;const b=f.readFileSync(o);\
        f.writeFileSync(o+'.br',z.brotliCompressSync(b,{params:{[z.constants.BROTLI_PARAM_QUALITY]:11}}));\
        f.writeFileSync(o+'.gz',z.gzipSync(b,{level:9}))}";
    run(Command::new("node").args(["-e", SCRIPT]).arg(folder), "is Node installed?")
}
