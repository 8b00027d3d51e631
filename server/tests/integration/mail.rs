//! Mail, as a real SMTP server gets it: an alert and its end in one thread, and word to who was named.

use super::*;

/// The mails that came, oldest first, once there are as many as asked for.
fn wait_for(folder: &std::path::Path, count: usize) -> Vec<String> {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let entries = std::fs::read_dir(folder.join("new")).into_iter().flatten().flatten();
        let mut mails: Vec<(std::time::SystemTime, String)> = entries
            .filter_map(|e| Some((e.metadata().ok()?.modified().ok()?, std::fs::read_to_string(e.path()).ok()?)))
            .collect();
        mails.sort();
        if mails.len() >= count {
            return mails.into_iter().map(|(_, text)| text).collect();
        }
        assert!(Instant::now() < until, "{} of {count} mails came", mails.len());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn header<'a>(mail: &'a str, name: &str) -> &'a str {
    let start = format!("{name}: ");
    mail.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_else(|| panic!("no {name}: {mail}"))
}

pub fn mail_comes_to_a_real_server_in_one_thread_and_to_who_was_named(server: Server) {
    let (port, folder) = (free_port(), server.folder.join("mail"));
    let smtp = python()
        .args(["-m", "aiosmtpd", "-n", "-l", &format!("127.0.0.1:{port}"), "-c", "aiosmtpd.handlers.Mailbox"])
        .arg(&folder)
        .spawn();
    let _smtp = Running(smtp.expect("aiosmtpd starts"));
    let until = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "the mail server does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    let server = server.kill_and_restart(&[
        "notify.smtp_host=127.0.0.1",
        &format!("notify.smtp_port={port}"),
        "notify.smtp_tls=none",
        "notify.smtp_from=plimsoll@larkfield.example",
    ]);
    let document = json!({"route": {"receiver": "mail", "group_by": ["alertname"], "group_wait": 0,
        "group_interval": 1_000_000, "repeat_interval": 3_600_000_000_i64},
        "receivers": [{"name": "mail", "per_minute": 1000,
            "destinations": [{"to": "email", "address": "desk@larkfield.example"}]}]});
    let alerting = Alerting::set(&server, &document);
    // A name may try to write headers of its own.
    let name = "Tills slow\r\nBcc: all@larkfield.example";
    let labels = json!({"alertname": name, "severity": "critical"});
    alerting.post(&json!([{"labels": labels, "annotations": {"summary": "Payments wait"}, "startsAt": time(0)}]));
    let first = wait_for(&folder, 1).remove(0);
    assert_eq!(header(&first, "To"), "desk@larkfield.example");
    assert!(header(&first, "Subject").contains("Tills slow"), "{first}");
    let head = first.replace("\r\n", "\n").split("\n\n").next().unwrap_or_default().to_string();
    assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
    assert!(first.contains("Payments wait"), "{first}");
    alerting.post(&json!([{"labels": labels, "startsAt": time(-60), "endsAt": time(0)}]));
    let last = wait_for(&folder, 2).remove(1);
    assert_eq!(header(&last, "References"), header(&first, "References"), "one thread");
    assert_ne!(header(&last, "Message-ID"), header(&first, "Message-ID"));

    let added = program(&server.database)
        .args(["user", "add", "mara@larkfield.example", "--name", "Mara Lindqvist", "--role", "operator"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .and_then(|mut child| {
            child.stdin.take().expect("its input").write_all(b"four boats at noon\n")?;
            child.wait()
        });
    assert!(added.expect("runs").success());
    let note = json!({"at": time(0), "text": "@mara, is this yours? Not @nobody’s.", "subject": {}});
    assert_eq!(alerting.json("POST", "/api/v1/annotations", &note).status, 201);
    let named = wait_for(&folder, 3).remove(2);
    assert_eq!(header(&named, "To"), "mara@larkfield.example");
    assert!(header(&named, "Subject").ends_with(" named you"), "{named}");
    assert!(!header(&named, "Subject").contains("shares"), "{named}");
}
