//! The fake behind TLS, with a certificate of an authority that no machine knows. Its key is worth nothing: it is in
//! this folder for everybody to read.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{BELOW, Forgejo};

impl Forgejo {
    /// Starts a door with TLS to the fake; answers its address, with the path below which the fake lies.
    ///
    /// # Panics
    /// When loopback cannot be listened on.
    pub async fn with_tls(&self) -> String {
        let certificates = CertificateDer::pem_slice_iter(include_bytes!("tls/server.pem"));
        let certificates = certificates.collect::<Result<Vec<_>, _>>();
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/server.key"));
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(
                certificates.expect("a certificate"),
                key.expect("a private key"),
            );
        let acceptor = TlsAcceptor::from(Arc::new(config.expect("they fit")));
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("loopback can be listened on");
        let address = listener.local_addr().expect("a listener has an address");
        let behind = self.0.address.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, behind) = (acceptor.clone(), behind.clone());
                tokio::spawn(async move {
                    // Whoever does not trust the certificate hangs up.
                    let Ok(mut outside) = acceptor.accept(stream).await else {
                        return;
                    };
                    if let Ok(mut inside) = TcpStream::connect(behind).await {
                        tokio::io::copy_bidirectional(&mut outside, &mut inside)
                            .await
                            .ok();
                    }
                });
            }
        });
        format!("https://{address}{BELOW}")
    }

    /// File with the certificate of the authority, written into a folder.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn authority(folder: &std::path::Path) -> PathBuf {
        let file = folder.join("authority.pem");
        std::fs::write(&file, include_bytes!("tls/authority.pem")).expect("it can be written");
        file
    }
}
