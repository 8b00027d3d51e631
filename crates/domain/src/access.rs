//! Who may do what: one function, [`authorize`], asked by every use-case, route and server function.
//!
//! A check written anywhere else is a check that a test cannot walk; add an [`Action`] here instead.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a person is in this installation. Ownership of a system is a relation, not a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads pages, changes nothing but their own account.
    Viewer,
    /// Reads pages, starts on Overview.
    Executive,
    /// Runs models: registers, edits, sets baselines, imports.
    Operator,
    /// Also people, keys and settings.
    Administrator,
}

impl Role {
    pub const ALL: [Role; 4] = [Role::Viewer, Role::Executive, Role::Operator, Role::Administrator];

    pub fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Executive => "executive",
            Role::Operator => "operator",
            Role::Administrator => "administrator",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Role::Viewer => "Viewer",
            Role::Executive => "Executive",
            Role::Operator => "Operator",
            Role::Administrator => "Administrator",
        }
    }

    pub fn parse(text: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == text)
    }

    /// The page a person of this role sees first.
    pub fn start_page(self) -> &'static str {
        match self {
            Role::Viewer | Role::Executive => "/overview",
            Role::Operator | Role::Administrator => "/operations",
        }
    }
}

/// What an API key may do. A key holds one or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Send predictions, labels and samples; create a model by sending to it.
    Ingest,
    /// Read everything a viewer reads.
    Read,
    /// Everything an operator may do by API, people and keys excepted.
    Admin,
}

impl Scope {
    pub const ALL: [Scope; 3] = [Scope::Ingest, Scope::Read, Scope::Admin];

    pub fn name(self) -> &'static str {
        match self {
            Scope::Ingest => "ingest",
            Scope::Read => "read",
            Scope::Admin => "admin",
        }
    }

    pub fn parse(text: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.name() == text)
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Actor {
    Anonymous,
    Person {
        id: i64,
        role: Role,
    },
    Key {
        id: i64,
        scopes: Vec<Scope>,
    },
    /// The program itself, or whoever runs its command line beside the database: they could read
    /// the files anyway.
    Local,
}

/// What is asked. Each use-case has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Action {
    /// Sign in, set up, read the sign-in page, health checks.
    Enter,
    /// Pages and figures: overview, operations, models, hosts, signals.
    View,
    /// Send predictions, labels, baselines.
    Ingest,
    /// Register a model, edit its schema, choose its baseline or windows.
    EditModel,
    /// Edit service probes.
    EditProbes,
    /// Acknowledge, silence, run an incident.
    Respond,
    /// Rules, routes, receivers, schedules.
    EditAlerting,
    /// Write notes and annotations.
    Annotate,
    /// Share pages by link.
    Share,
    /// Own name, password, sessions.
    EditOwnAccount,
    /// List, invite, change and disable people.
    ManagePeople,
    /// List, create and revoke API keys.
    ManageKeys,
    /// Remove the demo, read the installation's checks.
    ManageInstallation,
    /// Read who did what.
    ReadAudit,
}

impl Action {
    pub const ALL: [Action; 14] = [
        Action::Enter,
        Action::View,
        Action::Ingest,
        Action::EditModel,
        Action::EditProbes,
        Action::Respond,
        Action::EditAlerting,
        Action::Annotate,
        Action::Share,
        Action::EditOwnAccount,
        Action::ManagePeople,
        Action::ManageKeys,
        Action::ManageInstallation,
        Action::ReadAudit,
    ];
}

/// What it is asked of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Object {
    Installation,
    Model(String),
    Person(i64),
    Key(i64),
}

/// How a route or a server function is guarded; the walk over all of them compares the answer of
/// the running server with [`authorize`] on this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Access {
    /// Open to anybody by design.
    Public,
    Needs(Action),
}

#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Denied {
    #[error("sign in first, or send an API key as “Authorization: Bearer plk_…”")]
    NotSignedIn,
    #[error("{who} may not do this: {needs}")]
    NotAllowed { who: String, needs: String },
}

/// The one authorisation rule.
///
/// # Errors
/// [`Denied::NotSignedIn`] when signing in could help, [`Denied::NotAllowed`] when it could not.
pub fn authorize(actor: &Actor, action: Action, object: &Object) -> Result<(), Denied> {
    let allowed = match actor {
        Actor::Local => true,
        Actor::Anonymous => {
            return if action == Action::Enter { Ok(()) } else { Err(Denied::NotSignedIn) };
        }
        Actor::Person { id, role } => person_may(*id, *role, action, object),
        Actor::Key { scopes, .. } => scopes.iter().any(|scope| scope_may(*scope, action)),
    };
    if allowed {
        return Ok(());
    }
    let who = match actor {
        Actor::Person { role, .. } => format!("the role {}", role.name()),
        Actor::Key { scopes, .. } => {
            let names: Vec<&str> = scopes.iter().map(|s| s.name()).collect();
            format!("a key with the scope {}", names.join(", "))
        }
        Actor::Anonymous | Actor::Local => "this caller".to_string(),
    };
    Err(Denied::NotAllowed { who, needs: requirement(action).to_string() })
}

fn person_may(id: i64, role: Role, action: Action, object: &Object) -> bool {
    match action {
        Action::Enter | Action::View => true,
        Action::EditOwnAccount => match object {
            Object::Person(person) => *person == id,
            _ => true,
        },
        // Executives say what they know and show pages to others; they run nothing.
        Action::Annotate | Action::Share => role >= Role::Executive,
        Action::Ingest | Action::EditModel | Action::EditProbes | Action::Respond | Action::EditAlerting => {
            role >= Role::Operator
        }
        Action::ManagePeople | Action::ManageKeys | Action::ManageInstallation | Action::ReadAudit => {
            role == Role::Administrator
        }
    }
}

fn scope_may(scope: Scope, action: Action) -> bool {
    match action {
        Action::Enter => true,
        Action::View => matches!(scope, Scope::Read | Scope::Admin),
        Action::Ingest => matches!(scope, Scope::Ingest | Scope::Admin),
        Action::EditModel
        | Action::EditProbes
        | Action::Respond
        | Action::EditAlerting
        | Action::Annotate
        | Action::ReadAudit => scope == Scope::Admin,
        // People, keys and the installation are for people: a leaked key must not make another.
        Action::Share
        | Action::EditOwnAccount
        | Action::ManagePeople
        | Action::ManageKeys
        | Action::ManageInstallation => false,
    }
}

fn requirement(action: Action) -> &'static str {
    match action {
        Action::Enter => "open to all",
        Action::View => "it needs a person of any role, or a key with the scope read",
        Action::Ingest => "it needs the role operator, or a key with the scope ingest",
        Action::EditModel | Action::EditProbes | Action::Respond | Action::EditAlerting => {
            "it needs the role operator, or a key with the scope admin"
        }
        Action::ReadAudit => "it needs the role administrator, or a key with the scope admin",
        Action::Annotate => "it needs the role executive or operator, or a key with the scope admin",
        Action::Share => "it needs a person of the role executive or operator",
        Action::EditOwnAccount => "it needs the person whose account it is",
        Action::ManagePeople | Action::ManageKeys | Action::ManageInstallation => "it needs the role administrator",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(role: Role) -> Actor {
        Actor::Person { id: 7, role }
    }

    #[test]
    fn strangers_may_only_enter() {
        for action in Action::ALL {
            let verdict = authorize(&Actor::Anonymous, action, &Object::Installation);
            assert_eq!(verdict.is_ok(), action == Action::Enter, "{action:?}");
        }
    }

    #[test]
    fn a_higher_role_may_do_all_that_a_lower_one_may() {
        for action in Action::ALL {
            for pair in Role::ALL.windows(2) {
                if authorize(&person(pair[0]), action, &Object::Installation).is_ok() {
                    assert!(authorize(&person(pair[1]), action, &Object::Installation).is_ok(), "{action:?} {pair:?}");
                }
            }
        }
    }

    #[test]
    fn an_ingest_key_reads_nothing_and_no_key_makes_keys() {
        let ingest = Actor::Key { id: 1, scopes: vec![Scope::Ingest] };
        assert!(authorize(&ingest, Action::Ingest, &Object::Model("m".into())).is_ok());
        assert!(authorize(&ingest, Action::View, &Object::Model("m".into())).is_err());
        let all = Actor::Key { id: 1, scopes: Scope::ALL.to_vec() };
        assert!(authorize(&all, Action::ManageKeys, &Object::Installation).is_err());
    }

    #[test]
    fn people_edit_their_own_account_only() {
        assert!(authorize(&person(Role::Viewer), Action::EditOwnAccount, &Object::Person(7)).is_ok());
        assert!(authorize(&person(Role::Administrator), Action::EditOwnAccount, &Object::Person(8)).is_err());
    }
}
