//! The public functions against the numbers of the reference implementations in `tests/golden`.
//! READ each file's `convention`: it says which of several formulas of one name is meant.

mod runner;

use std::path::Path;

#[test]
fn every_golden_number_is_met() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut files = 0;
    let mut misses = Vec::new();
    for entry in std::fs::read_dir(&folder).expect("the golden folder").flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|e| e != "json") {
            continue;
        }
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("readable");
        let document = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let outcome = runner::run(&name, &document).unwrap_or_else(|| panic!("{name}: no function is held to it"));
        assert!(outcome.cases > 4 && outcome.held > 20, "{name}: {} cases, {} numbers", outcome.cases, outcome.held);
        misses.extend(outcome.misses.into_iter().map(|miss| format!("{name}: {miss}")));
        files += 1;
    }
    assert!(files >= 19, "{files} files");
    assert!(misses.is_empty(), "{} misses\n{}", misses.len(), misses.join("\n"));
}
