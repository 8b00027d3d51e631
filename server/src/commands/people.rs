//! `plimsoll user` and `plimsoll key`: people and keys from the console of the machine itself.

use clap::Subcommand;
use domain::{Actor, Role, Scope};

use super::{Outcome, open, text};
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub enum User {
    /// List people
    List,
    /// Add a person; the password is read from standard input
    Add {
        email: String,
        #[arg(long)]
        name: String,
        /// viewer, executive, operator or administrator
        #[arg(long, default_value = "viewer")]
        role: String,
    },
    /// Set a person's password, read from standard input; their sessions end
    Password { email: String },
    /// Change a person's role; their sessions end
    Role { email: String, role: String },
    /// Keep a person from signing in; their sessions end
    Disable { email: String },
    /// Let a disabled person sign in again
    Enable { email: String },
}

#[derive(Debug, Subcommand)]
pub enum Key {
    /// List keys
    List,
    /// Make a key; its secret is printed this once
    Create {
        name: String,
        /// ingest, read, admin; may be repeated
        #[arg(long, default_value = "ingest")]
        scope: Vec<String>,
        /// Days until it ends [default: never]
        #[arg(long)]
        days: Option<u32>,
    },
    /// Revoke a key by its number
    Revoke { id: i64 },
}

fn role(name: &str) -> Result<Role, String> {
    Role::parse(name)
        .ok_or_else(|| format!("there is no role “{name}”; there are viewer, executive, operator and administrator"))
}

fn password() -> Result<String, String> {
    use std::io::IsTerminal;
    if std::io::stdin().is_terminal() {
        eprintln!("Password (it will be shown as you type; pipe it in to avoid that):");
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(text)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_string())
}

impl User {
    pub async fn run(self, config: &Config) -> Outcome {
        let engine = open(config).await?;
        let find = async |email: &str| {
            let people = engine.people(&Actor::Local).await.map_err(text)?;
            let email = email.trim().to_lowercase();
            people.into_iter().find(|p| p.email == email).ok_or_else(|| format!("nobody here has the address {email}"))
        };
        match self {
            User::List => {
                for p in engine.people(&Actor::Local).await.map_err(text)? {
                    println!(
                        "{:<32} {:<24} {:<14} {}",
                        p.email,
                        p.name,
                        p.role.name(),
                        if p.disabled { "disabled" } else { "" }
                    );
                }
            }
            User::Add { email, name, role: wanted } => {
                engine.create_person(&Actor::Local, &email, &name, role(&wanted)?, &password()?).await.map_err(text)?;
                println!("{email} may sign in now");
            }
            User::Password { email } => {
                engine.reset_password(&Actor::Local, &email, &password()?).await.map_err(text)?;
                println!("the password of {email} is set; their sessions have ended");
            }
            User::Role { email, role: wanted } => {
                let person = find(&email).await?;
                engine.change_person(&Actor::Local, person.id, role(&wanted)?, person.disabled).await.map_err(text)?;
                println!("{email} is {wanted} now");
            }
            User::Disable { email } => {
                let person = find(&email).await?;
                engine.change_person(&Actor::Local, person.id, person.role, true).await.map_err(text)?;
                println!("{email} may not sign in any more");
            }
            User::Enable { email } => {
                let person = find(&email).await?;
                engine.change_person(&Actor::Local, person.id, person.role, false).await.map_err(text)?;
                println!("{email} may sign in again");
            }
        }
        engine.store.close().await;
        Ok(0)
    }
}

impl Key {
    pub async fn run(self, config: &Config) -> Outcome {
        let engine = open(config).await?;
        match self {
            Key::List => {
                for k in engine.keys(&Actor::Local).await.map_err(text)? {
                    let scopes: Vec<&str> = k.scopes.iter().map(|s| s.name()).collect();
                    println!(
                        "{:<4} {:<24} {:<22} {:<16} {}",
                        k.id,
                        k.name,
                        format!("{}…", k.prefix),
                        scopes.join(","),
                        if k.revoked { "revoked" } else { "" }
                    );
                }
            }
            Key::Create { name, scope, days } => {
                let scopes: Result<Vec<Scope>, String> = scope
                    .iter()
                    .map(|s| {
                        Scope::parse(s)
                            .ok_or_else(|| format!("there is no scope “{s}”; there are ingest, read and admin"))
                    })
                    .collect();
                println!("{}", engine.create_key(&Actor::Local, &name, &scopes?, days).await.map_err(text)?);
            }
            Key::Revoke { id } => {
                engine.revoke_key(&Actor::Local, id).await.map_err(text)?;
                println!("key {id} is revoked");
            }
        }
        engine.store.close().await;
        Ok(0)
    }
}
