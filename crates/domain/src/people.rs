//! People and API keys, as pages and the API show them: never a hash, never a secret.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::access::{Role, Scope};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Person {
    pub id: i64,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub disabled: bool,
    pub created_at: Timestamp,
    pub last_seen_at: Option<Timestamp>,
}

impl Person {
    /// `Mara Lindqvist` → `ML`
    pub fn initials(&self) -> String {
        initials(&self.name)
    }
}

/// Somebody who works here, as others see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Colleague {
    pub email: String,
    pub name: String,
}

/// What somebody is called: by name, or by the address where nobody here has it.
pub fn name_of<'a>(people: &'a [Colleague], address: &'a str) -> &'a str {
    people.iter().find(|p| p.email == address).map_or(address, |p| &p.name)
}

/// The first letters of the first two words of a name.
pub fn initials(name: &str) -> String {
    let letters: String = name.split_whitespace().filter_map(|word| word.chars().next()).take(2).collect();
    if letters.is_empty() { "?".to_string() } else { letters.to_uppercase() }
}

/// Light, dark, or as the system is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub const ALL: [Theme; 3] = [Theme::System, Theme::Light, Theme::Dark];

    pub fn name(self) -> &'static str {
        match self {
            Theme::System => "system",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }
}

/// An address within, under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SavedView {
    pub name: String,
    /// Path and query, as `/alerts?state=mine`.
    pub href: String,
    /// Who saved it for all; empty for one's own.
    #[serde(default)]
    pub by: String,
}

pub const VIEWS_MAX: usize = 50;

impl SavedView {
    /// What is wrong with it, if anything.
    pub fn problem(&self) -> Option<String> {
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > 60 {
            return Some("a view’s name has 1 to 60 characters".into());
        }
        // Only ever a page of this installation: a view is followed without being read.
        let within =
            self.href.starts_with('/') && !self.href.starts_with("//") && !self.href.contains(['\\', '\r', '\n']);
        (!within || self.href.len() > 2000).then(|| "a view is a page of this installation".into())
    }
}

/// How a person wants Plimsoll to be. Kept with the person, so that it is the same in every browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Preferences {
    pub theme: Theme,
    /// The page after signing in; empty for that of the role.
    pub start: String,
    /// Whether single letters are shortcuts.
    pub letters: bool,
    /// In which times are shown, as the IANA names it; empty for UTC.
    pub zone: String,
    pub views: Vec<SavedView>,
}

impl Default for Preferences {
    fn default() -> Self {
        Preferences {
            theme: Theme::System,
            start: String::new(),
            letters: true,
            zone: String::new(),
            views: Vec::new(),
        }
    }
}

/// Pages that one may start at.
pub const STARTS: [(&str, &str); 6] = [
    ("", "That of the role"),
    ("/overview", "Overview"),
    ("/operations", "Operations"),
    ("/alerts", "Alerts"),
    ("/incidents", "Incidents"),
    ("/explore", "Explore"),
];

impl Preferences {
    /// What is wrong with them, if anything.
    pub fn problem(&self) -> Option<String> {
        let models =
            self.start.strip_prefix("/models/").is_some_and(|name| !name.is_empty() && !name.contains(['/', '?']));
        if !models && !STARTS.iter().any(|(path, _)| *path == self.start) {
            return Some("the start page is one of those offered, or a model’s".into());
        }
        if self.views.len() > VIEWS_MAX {
            return Some(format!("there are at most {VIEWS_MAX} views"));
        }
        self.views.iter().find_map(SavedView::problem)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ApiKey {
    pub id: i64,
    pub name: String,
    /// The first characters, enough to recognise a key and too few to use it.
    pub prefix: String,
    pub scopes: Vec<Scope>,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub revoked: bool,
}

pub const PASSWORD_MIN: usize = 12;
pub const PASSWORD_MAX: usize = 256;

/// Says what is wrong with a new password, if anything.
pub fn password_problem(password: &str, email: &str) -> Option<String> {
    let length = password.chars().count();
    if length < PASSWORD_MIN {
        return Some(format!(
            "Use at least {PASSWORD_MIN} characters; this has {length}. A few words in a row are fine."
        ));
    }
    if length > PASSWORD_MAX {
        return Some(format!("Use at most {PASSWORD_MAX} characters."));
    }
    let first = password.chars().next();
    if password.chars().all(|c| Some(c) == first) {
        return Some("Use more than one character.".to_string());
    }
    let lower = password.to_lowercase();
    let local = email.split('@').next().unwrap_or_default().to_lowercase();
    let plain = ["password1234", "passwordpassword", "123456789012", "qwertyuiopas", "plimsollplimsoll"];
    if plain.iter().any(|p| lower == *p)
        || (!local.is_empty() && local.len() > 3 && lower.contains(&local) && length < local.len() + 8)
    {
        return Some(
            "This is among the first that anyone would try. Use something longer or less obvious.".to_string(),
        );
    }
    None
}

/// Says what is wrong with an e-mail address, if anything.
pub fn email_problem(email: &str) -> Option<String> {
    let parts: Vec<&str> = email.split('@').collect();
    let good = parts.len() == 2
        && !parts[0].is_empty()
        && !parts[1].is_empty()
        && email.len() <= 254
        && !email.chars().any(|c| c.is_whitespace() || c.is_control() || "<>\"'".contains(c));
    (!good).then(|| "Write an address like name@example.com.".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_uniform_and_obvious_passwords_are_refused_with_the_reason() {
        assert!(password_problem("short", "a@b.c").expect("refused").contains("12"));
        assert!(password_problem("aaaaaaaaaaaaaaaa", "a@b.c").is_some());
        assert!(password_problem("password1234", "a@b.c").is_some());
        assert!(password_problem("lindqvist12345", "lindqvist@x.y").is_some());
        assert_eq!(password_problem("four boats at noon", "a@b.c"), None);
    }

    #[test]
    fn a_view_leads_nowhere_but_to_a_page_within() {
        let view = |href: &str| SavedView { name: "mine".into(), href: href.into(), by: String::new() }.problem();
        assert_eq!(view("/alerts?state=mine"), None);
        for bad in ["https://evil.example", "//evil.example", "/\\evil", "alerts", "javascript:alert(1)"] {
            assert!(view(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn the_start_page_is_one_that_is_offered_or_a_model() {
        let start = |path: &str| Preferences { start: path.into(), ..Preferences::default() }.problem();
        assert_eq!((start(""), start("/operations"), start("/models/credit")), (None, None, None));
        assert!(start("//evil").is_some() && start("/models/").is_some() && start("/settings/keys").is_some());
    }

    #[test]
    fn addresses_need_two_parts_and_no_markup() {
        assert_eq!(email_problem("mara@larkfield.example"), None);
        for bad in ["mara", "@x", "a@", "a@b@c", "a b@c", "<a>@b"] {
            assert!(email_problem(bad).is_some(), "{bad}");
        }
    }
}
