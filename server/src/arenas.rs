//! How many pools the C library keeps memory in: a thread that asks for memory gets one of its own, and what is freed
//! by another thread stays there. With few of them a server under load needs little more than what lives in it; with
//! as many as threads wish, twice that (docs/decisions/0017).

#[cfg(all(target_os = "linux", target_env = "gnu"))]
const NAME: &str = "MALLOC_ARENA_MAX";
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const FEW: &str = "2";

/// Begins the program once more with few pools, unless somebody said how many. They are counted before the first line
/// of a program runs, so that it cannot say so itself; the process and all that it was given stay the same. Goes on
/// with many where that cannot be.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn few() {
    use std::os::unix::process::CommandExt;

    if std::env::var_os(NAME).is_some() {
        return;
    }
    let mut words = std::env::args_os();
    let Ok(program) = std::env::current_exe() else { return };
    let mut again = std::process::Command::new(program);
    if let Some(name) = words.next() {
        again.arg0(name);
    }
    let error = again.args(words).env(NAME, FEW).exec();
    eprintln!("memory may be held longer than it is used: the program could not begin with {NAME}={FEW} ({error})");
}

/// Other C libraries count differently.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn few() {}
