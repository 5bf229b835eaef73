//! The embedded bus, on a store in a directory of its own.

use std::sync::Arc;

use async_trait::async_trait;
use broker::{Bus, EmbeddedBus};
use store::{Config, Store};
use tempfile::TempDir;

use crate::promises::{Home, keep_all};

struct Instance {
    store: Store,
    _folder: TempDir,
}

#[async_trait]
impl Home for Instance {
    async fn bus(&self) -> Arc<dyn Bus> {
        let store = self.store.clone();
        let bus = tokio::task::spawn_blocking(move || EmbeddedBus::new(store));
        Arc::new(bus.await.expect("no panic").expect("a bus"))
    }
}

async fn instance() -> Option<Instance> {
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config { instance: folder.path().to_owned(), database_url: None, pool_size: 4 };
    let store = tokio::task::spawn_blocking(move || Store::open(&config)).await.expect("no panic");
    Some(Instance { store: store.expect("a store"), _folder: folder })
}

keep_all!(instance);
