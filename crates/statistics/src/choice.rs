//! Which comparison fits which column, as a table one can read.

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Number,
    /// Two values.
    Binary,
    Category,
}

/// A comparison of two samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    KolmogorovSmirnov,
    ChiSquare,
    TwoProportions,
    /// Wasserstein-1 over the reference's standard deviation.
    WassersteinNormalised,
    JensenShannon,
    PopulationStability,
    LInfinity,
}

/// When a method's answer counts as drift.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// p below this.
    Below(f64),
    /// The distance at least this.
    AtLeast(f64),
}

/// One line of a table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    pub kind: Kind,
    /// Reference rows from, and up to and including.
    pub rows: (usize, usize),
    pub method: Method,
    pub limit: Limit,
}

const ALL: usize = usize::MAX;

/// What Evidently chooses by default: tests for up to 1,000 reference rows, distances above.
pub const EVIDENTLY: [Rule; 6] = [
    Rule { kind: Kind::Number, rows: (0, 1000), method: Method::KolmogorovSmirnov, limit: Limit::Below(0.05) },
    Rule { kind: Kind::Binary, rows: (0, 1000), method: Method::TwoProportions, limit: Limit::Below(0.05) },
    Rule { kind: Kind::Category, rows: (0, 1000), method: Method::ChiSquare, limit: Limit::Below(0.05) },
    Rule { kind: Kind::Number, rows: (1001, ALL), method: Method::WassersteinNormalised, limit: Limit::AtLeast(0.1) },
    Rule { kind: Kind::Binary, rows: (1001, ALL), method: Method::JensenShannon, limit: Limit::AtLeast(0.1) },
    Rule { kind: Kind::Category, rows: (1001, ALL), method: Method::JensenShannon, limit: Limit::AtLeast(0.1) },
];

/// What Plimsoll judges by: a test says whether the difference is chance, these whether it is large
/// enough to matter. Both have to say yes.
pub const EFFECT: [Rule; 7] = [
    Rule { kind: Kind::Number, rows: (0, ALL), method: Method::PopulationStability, limit: Limit::AtLeast(0.1) },
    Rule { kind: Kind::Number, rows: (0, ALL), method: Method::KolmogorovSmirnov, limit: Limit::AtLeast(0.1) },
    Rule { kind: Kind::Number, rows: (0, ALL), method: Method::JensenShannon, limit: Limit::AtLeast(0.1) },
    Rule { kind: Kind::Binary, rows: (0, ALL), method: Method::PopulationStability, limit: Limit::AtLeast(0.1) },
    Rule { kind: Kind::Binary, rows: (0, ALL), method: Method::LInfinity, limit: Limit::AtLeast(0.1) },
    Rule { kind: Kind::Category, rows: (0, ALL), method: Method::PopulationStability, limit: Limit::AtLeast(0.1) },
    Rule { kind: Kind::Category, rows: (0, ALL), method: Method::LInfinity, limit: Limit::AtLeast(0.1) },
];

/// The rules of a table for a column of a reference of so many rows.
pub fn rules(table: &[Rule], kind: Kind, reference_rows: usize) -> impl Iterator<Item = &Rule> {
    table.iter().filter(move |rule| rule.kind == kind && (rule.rows.0..=rule.rows.1).contains(&reference_rows))
}

/// What a column is taken for: at most two distinct values are binary; numbers with at most
/// `few` distinct values, and all text, are categories.
pub fn kind(numeric: bool, distinct: usize, few: usize) -> Kind {
    match (numeric, distinct) {
        (_, 0..=2) => Kind::Binary,
        (true, distinct) if distinct > few => Kind::Number,
        _ => Kind::Category,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_rule_at_every_size() {
        for table in [&EVIDENTLY[..], &EFFECT[..]] {
            for kind in [Kind::Number, Kind::Binary, Kind::Category] {
                for rows in [0, 1, 1000, 1001, usize::MAX] {
                    assert!(rules(table, kind, rows).next().is_some(), "{kind:?} {rows}");
                }
            }
        }
        assert_eq!(
            (kind(true, 2, 5), kind(true, 4, 5), kind(true, 6, 5)),
            (Kind::Binary, Kind::Category, Kind::Number)
        );
    }
}
