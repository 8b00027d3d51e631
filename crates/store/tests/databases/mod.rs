//! Databases for tests: each makes one of its own and leaves nothing behind.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::Timestamp;
use domain::event::EventKind;
use domain::model::{Model, ModelSettings, Schema, Task};
use store::{NewModel, Store, StoreOptions, Stream};

static NEXT: AtomicU64 = AtomicU64::new(0);

fn unique() -> String {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    format!("plimsoll_t_{}_{nanos}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

pub struct TestDatabase {
    pub url: String,
    pub folder: Option<PathBuf>,
}

impl TestDatabase {
    pub fn sqlite() -> TestDatabase {
        let folder = std::env::temp_dir().join(unique());
        TestDatabase { url: format!("sqlite:{}", folder.join("t.db").display()), folder: Some(folder) }
    }

    pub async fn postgres() -> TestDatabase {
        let server = std::env::var("PLIMSOLL_TEST_POSTGRES").expect(
            "PLIMSOLL_TEST_POSTGRES must name a server, as postgres://user@host:port; `cargo xtask test` starts one",
        );
        let name = unique();
        let pool = sqlx::PgPool::connect(&format!("{server}/postgres")).await.expect("the test server answers");
        sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&pool).await.expect("may create");
        pool.close().await;
        TestDatabase { url: format!("{server}/{name}"), folder: None }
    }

    pub async fn open(&self) -> Store {
        Store::open(&StoreOptions::new(self.url.clone())).await.expect("opens")
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

pub async fn a_model(store: &Store) -> (Model, Stream) {
    let model = store
        .create_model(
            &NewModel {
                name: "m".into(),
                title: "M".into(),
                system: "m".into(),
                task: Task::BinaryClassification,
                schema: Schema::default(),
                settings: ModelSettings::default(),
                demo: false,
            },
            Timestamp(1),
        )
        .await
        .expect("created");
    let stream = store.stream(model.id, EventKind::Prediction, "production").await.expect("made");
    (model, stream)
}
