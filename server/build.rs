//! Builds again when the embedded site changes: its files are named by their content, so the folder
//! has to be watched, not the files that were there before.

fn main() {
    println!("cargo:rerun-if-env-changed=PLIMSOLL_SITE");
    if let Ok(site) = std::env::var("PLIMSOLL_SITE") {
        println!("cargo:rerun-if-changed={site}/stamp.txt");
    }
}
