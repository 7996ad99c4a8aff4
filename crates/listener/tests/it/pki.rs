//! Support: a certificate authority of a test, its certificates as files, and TLS clients that use them.

use std::path::PathBuf;
use std::sync::Arc;

use pix_stream_listener::config::{CertificateFiles, TlsSettings};
use pix_stream_listener::tls::provider;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SerialNumber, date_time_ymd,
};
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tempfile::TempDir;

/// An authority with a folder for its files.
pub(crate) struct Pki {
    pub(crate) dir: TempDir,
    ca: CertifiedIssuer<'static, KeyPair>,
}

/// A client certificate and its key.
pub(crate) struct Holder {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: Vec<u8>,
    pub(crate) serial: Vec<u8>,
}

/// What a client certificate is to be.
#[derive(Clone)]
pub(crate) struct Wish<'a> {
    pub(crate) name: &'a str,
    pub(crate) ou: Option<&'a str>,
    pub(crate) serial: u8,
    pub(crate) purpose: ExtendedKeyUsagePurpose,
    pub(crate) years: (i32, i32),
}

impl Default for Wish<'_> {
    fn default() -> Self {
        Self {
            name: "bank",
            ou: Some("ISPB-99999001"),
            serial: 10,
            purpose: ExtendedKeyUsagePurpose::ClientAuth,
            years: (2020, 2090),
        }
    }
}

/// The subject of the server's certificates, as clients ask for it.
pub(crate) fn server_name() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn client_params(wish: &Wish<'_>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, wish.name);
    if let Some(ou) = wish.ou {
        params.distinguished_name.push(DnType::OrganizationalUnitName, ou);
    }
    params.extended_key_usages = vec![wish.purpose.clone()];
    params.serial_number = Some(SerialNumber::from_slice(&[wish.serial]));
    params.not_before = date_time_ymd(wish.years.0, 1, 1);
    params.not_after = date_time_ymd(wish.years.1, 1, 1);
    params
}

impl Pki {
    pub(crate) fn new(name: &str) -> Self {
        let ca = CertifiedIssuer::self_signed(authority(name), KeyPair::generate().unwrap()).unwrap();
        let pki = Self { dir: TempDir::new().unwrap(), ca };
        pki.write("ca.pem", &pki.ca.pem());
        pki
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    pub(crate) fn write(&self, file: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(file), text).unwrap();
        self.path(file)
    }

    /// Settings with a P-256 and an RSA-2048 server certificate.
    pub(crate) fn settings(&self) -> TlsSettings {
        let rsa = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
        TlsSettings {
            ca: vec![self.path("ca.pem")],
            // RSA first: the choice is the resolver's, not the file's order.
            certificates: vec![
                self.server_certificate("server-rsa", &rsa, (2020, 2090)),
                self.server_certificate("server", &KeyPair::generate().unwrap(), (2020, 2090)),
            ],
            ..TlsSettings::default()
        }
    }

    /// Settings with a P-256 server certificate only, which is much faster to make.
    pub(crate) fn quick_settings(&self) -> TlsSettings {
        let key = KeyPair::generate().unwrap();
        TlsSettings {
            ca: vec![self.path("ca.pem")],
            certificates: vec![self.server_certificate("server", &key, (2020, 2090))],
            ..TlsSettings::default()
        }
    }

    pub(crate) fn server_certificate(
        &self,
        file: &str,
        key: &KeyPair,
        years: (i32, i32),
    ) -> CertificateFiles {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let certificate = params.signed_by(key, &self.ca).unwrap();
        CertificateFiles {
            chain: self.write(&format!("{file}.pem"), &certificate.pem()),
            key: self.write(&format!("{file}.key"), &key.serialize_pem()),
        }
    }

    pub(crate) fn issue(&self, wish: &Wish<'_>) -> Holder {
        self.issue_for(wish, &KeyPair::generate().unwrap())
    }

    /// With a key of the caller's.
    pub(crate) fn issue_for(&self, wish: &Wish<'_>, key: &KeyPair) -> Holder {
        let certificate = client_params(wish).signed_by(key, &self.ca).unwrap();
        Holder { chain: vec![certificate.der().clone()], key: key.serialize_der(), serial: vec![wish.serial] }
    }

    /// Through an authority between ours and the client, whose certificate the client sends along.
    pub(crate) fn issue_through(&self, between: &str, wish: &Wish<'_>) -> Holder {
        let params = authority(between);
        let between = CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &self.ca).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = client_params(wish).signed_by(&key, &between).unwrap();
        Holder {
            chain: vec![certificate.der().clone(), between.der().clone()],
            key: key.serialize_der(),
            serial: vec![wish.serial],
        }
    }

    /// A client with the usual certificate, of ISPB 99999001.
    pub(crate) fn bank(&self) -> Holder {
        self.issue(&Wish::default())
    }

    /// A revocation list with these certificates, as a file.
    pub(crate) fn revoke(&self, holders: &[&Holder]) -> PathBuf {
        self.revoke_until(holders, 2090)
    }

    /// The same, with the next list promised for the first day of a year.
    pub(crate) fn revoke_until(&self, holders: &[&Holder], year: i32) -> PathBuf {
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(year, 1, 1),
            crl_number: SerialNumber::from_slice(&[1]),
            issuing_distribution_point: None,
            revoked_certs: holders
                .iter()
                .map(|holder| RevokedCertParams {
                    serial_number: SerialNumber::from_slice(&holder.serial),
                    revocation_time: date_time_ymd(2021, 1, 1),
                    reason_code: None,
                    invalidity_date: None,
                })
                .collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        self.write("revoked.pem", &params.signed_by(&self.ca).unwrap().pem().unwrap())
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.der().clone()).unwrap();
        roots
    }

    /// A client that offers everything.
    pub(crate) fn client(&self, holder: Option<&Holder>) -> ClientConfig {
        self.client_with(holder, provider(), rustls::ALL_VERSIONS)
    }

    pub(crate) fn client_with(
        &self,
        holder: Option<&Holder>,
        provider: CryptoProvider,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(self.roots());
        let mut config = match holder {
            None => builder.with_no_client_auth(),
            Some(holder) => {
                let key = PrivateKeyDer::try_from(holder.key.clone()).unwrap();
                builder.with_client_auth_cert(holder.chain.clone(), key).unwrap()
            }
        };
        config.resumption = Resumption::in_memory_sessions(8);
        config
    }
}
