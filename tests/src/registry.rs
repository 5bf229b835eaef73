//! A registry of our own: Debian's `docker-registry` on loopback, over TLS under a private authority.

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest_tls::{Client, Method, Response};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const PROGRAM: &str = "/usr/bin/docker-registry";

/// Who is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    /// Everybody.
    Open,
    /// [`Registry::USER`] with [`Registry::PASSWORD`], by HTTP's basic authentication.
    Password,
    /// Whoever brings a token signed with this key, and the address that hands them out.
    Token {
        /// Certificate of the key, as a PEM file.
        certificate: PathBuf,
        /// The address.
        realm: String,
    },
}

/// A running registry; killed and removed when dropped.
pub struct Registry {
    child: Option<Child>,
    port: u16,
    client: Client,
    folder: TempDir,
}

impl Registry {
    /// Who is let in at [`Door::Password`].
    pub const USER: &str = "operator";
    /// The password of [`Registry::USER`].
    pub const PASSWORD: &str = "granite+basalt";
    /// bcrypt of [`Registry::PASSWORD`], the only kind that the registry reads.
    const HASH: &str = "$2b$04$abcdefghijklmnopqrstuuaOZ1lSAPE.X.3Ex63knqaxMdky/WV1W";

    /// A registry that lets everybody in; `None` (said aloud) where none is installed.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start() -> Result<Option<Self>> {
        if !Path::new(PROGRAM).exists() {
            testkit::skipped("no docker-registry", "scripts/install test brings it");
            return Ok(None);
        }
        let folder = tempfile::Builder::new().prefix("climsim-registry-").tempdir()?;
        let [port] = testkit::free_ports()?;
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let own = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()])?;
        let own = own.signed_by(&key, &authority)?;
        fs::write(folder.path().join("ca.pem"), authority.pem())?;
        fs::write(folder.path().join("tls.pem"), own.pem())?;
        fs::write(folder.path().join("tls.key"), key.serialize_pem())?;
        fs::write(folder.path().join("htpasswd"), format!("{}:{}\n", Self::USER, Self::HASH))?;
        let trusted = reqwest_tls::Certificate::from_pem(authority.pem().as_bytes())?;
        let client = Client::builder().add_root_certificate(trusted).build()?;
        let mut registry = Self { child: None, port, client, folder };
        registry.change(&Door::Open).await?;
        Ok(Some(registry))
    }

    /// `127.0.0.1:PORT`, as images are named by it.
    pub fn place(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The certificate of the private authority, in PEM.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Starts again with the same images behind another door.
    ///
    /// # Errors
    /// It does not start.
    pub async fn change(&mut self, door: &Door) -> Result<()> {
        self.stop();
        let folder = self.folder.path();
        let mut configuration = json!({
            "version": "0.1",
            "log": { "level": "error" },
            "storage": { "filesystem": { "rootdirectory": folder.join("images") } },
            "http": {
                "addr": format!("127.0.0.1:{}", self.port),
                "tls": { "certificate": folder.join("tls.pem"), "key": folder.join("tls.key") },
            },
        });
        match door {
            Door::Open => {}
            Door::Password => {
                configuration["auth"] =
                    json!({ "htpasswd": { "realm": "test", "path": folder.join("htpasswd") } });
            }
            Door::Token { certificate, realm } => {
                configuration["auth"] = json!({ "token": {
                    "realm": realm, "service": "the registry", "issuer": "the test",
                    "rootcertbundle": certificate,
                } });
            }
        }
        // JSON is YAML.
        let file = folder.join("registry.yaml");
        fs::write(&file, configuration.to_string())?;
        let log = File::create(folder.join("registry.log"))?;
        let child = Command::new(PROGRAM)
            .arg("serve")
            .arg(&file)
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("starting docker-registry")?;
        self.child = Some(child);
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if Instant::now() > deadline
                || self.child.as_mut().is_some_and(|it| matches!(it.try_wait(), Ok(Some(_))))
            {
                bail!("the registry does not start:\n{}", fs::read_to_string(folder.join("registry.log"))?);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Puts an image under a tag (the door must be open), different for every `content`; gives its digest.
    ///
    /// # Errors
    /// The registry refuses.
    pub async fn push(&self, image: &str, tag: &str, content: &str) -> Result<String> {
        let configuration = json!({ "architecture": "amd64", "os": "linux", "config": {}, "test": content,
            "rootfs": { "type": "layers", "diff_ids": [] } });
        let configuration = configuration.to_string().into_bytes();
        let digest = digest(&configuration);
        let started = self.send(Method::POST, &format!("v2/{image}/blobs/uploads/"), "", Vec::new()).await?;
        let location =
            started.headers().get("location").context("no place to upload to")?.to_str()?.to_owned();
        let mut url: reqwest_tls::Url = self.url("")?.join(&location)?;
        url.query_pairs_mut().append_pair("digest", &digest);
        let length = configuration.len();
        let sent = self.client.put(url).body(configuration).send().await?;
        ensure!(sent.status().is_success(), "uploading: {}", sent.text().await?);
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": kind,
            "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "size": length, "digest": digest },
            "layers": [],
        });
        let body = manifest.to_string().into_bytes();
        let path = format!("v2/{image}/manifests/{tag}");
        let put = self.send(Method::PUT, &path, kind, body).await?;
        let digest = put.headers().get("docker-content-digest").context("no digest")?;
        Ok(digest.to_str()?.to_owned())
    }

    fn url(&self, path: &str) -> Result<reqwest_tls::Url> {
        Ok(format!("https://{}/{path}", self.place()).parse()?)
    }

    async fn send(&self, method: Method, path: &str, kind: &str, body: Vec<u8>) -> Result<Response> {
        let request = self.client.request(method, self.url(path)?).header("Content-Type", kind).body(body);
        let response = request.send().await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let said: Value = response.json().await.unwrap_or_default();
        bail!("{path}: {status} {said}")
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stop();
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}
