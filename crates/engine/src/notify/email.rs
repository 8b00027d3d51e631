//! E-mail, handed to a mail server by SMTP.

use std::time::Duration;

use domain::alert::message::Message;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::{Problem, Smtp, SmtpTls, one_line};

fn text(message: &Message) -> String {
    let mut text = String::new();
    for line in message.lines() {
        text += &line;
        text.push('\n');
    }
    if message.left_out > 0 {
        text += &format!("… and {} more\n", message.left_out);
    }
    text += &format!("\nOpen: {}\n", message.url);
    if !message.acknowledge_url.is_empty() {
        text += &format!("Acknowledge: {}\n", message.acknowledge_url);
    }
    if message.words.is_some() {
        return text;
    }
    text += &format!("\nWhy you get this: {}; receiver “{}”.\n", message.why.words(), message.receiver);
    text
}

/// `authorities`, PEM, are trusted beside the public ones.
pub async fn send(smtp: &Smtp, authorities: &[u8], address: &str, message: &Message, key: &str) -> Result<(), Problem> {
    let wrong = |what: &str| Problem::lasting(format!("{what} is no e-mail address"));
    // The subject is one line, whatever an alert is called.
    let subject = one_line(&message.title(), 200);
    let domain = smtp.from.rsplit('@').next().unwrap_or("plimsoll").trim_end_matches('>');
    let thread = format!("<{}@{domain}>", domain_key(&message.group_key));
    let mail = lettre::Message::builder()
        .from(smtp.from.parse().map_err(|_| wrong(&smtp.from))?)
        .to(address.parse().map_err(|_| wrong(address))?)
        .subject(subject)
        // The same message sent again has the same number; those of a group make one thread.
        .message_id(Some(format!("<{key}@{domain}>")))
        .in_reply_to(thread.clone())
        .references(thread)
        .header(ContentType::TEXT_PLAIN)
        .body(text(message))
        .map_err(|e| Problem::lasting(e.to_string()))?;
    let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.host)
        .port(smtp.port)
        .timeout(Some(Duration::from_secs(15)));
    let parameters = || {
        let own = Certificate::from_pem(authorities).map_err(|e| Problem::lasting(e.to_string()))?;
        let parameters = TlsParameters::builder(smtp.host.clone()).add_root_certificate(own).build_rustls();
        parameters.map_err(|e| Problem::lasting(e.to_string()))
    };
    transport = transport.tls(match smtp.tls {
        SmtpTls::Always => Tls::Wrapper(parameters()?),
        SmtpTls::StartTls => Tls::Required(parameters()?),
        SmtpTls::None => Tls::None,
    });
    if !smtp.user.is_empty() {
        transport = transport.credentials(Credentials::new(smtp.user.clone(), smtp.password.clone()));
    }
    match transport.build().send(mail).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_permanent() => Err(Problem::lasting(error.to_string())),
        Err(error) => Err(Problem::passing(error.to_string())),
    }
}

/// A group's key as letters that a message number may hold.
fn domain_key(key: &str) -> String {
    let labels = std::collections::BTreeMap::from([("group".to_string(), key.to_string())]);
    domain::alert::fingerprint(&labels)
}
