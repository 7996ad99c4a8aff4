//! A key that signs and its certificate, made once; the fixed time is inside the certificate's validity.

use std::sync::OnceLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use pix_stream_signature::{Certificates, Verifier};
use rcgen::{CertificateParams, DistinguishedName, DnType, PKCS_RSA_SHA256, RsaKeySize, SerialNumber};

/// 2026-11-23T00:00:00Z.
pub(crate) const NOW: u64 = 1_795_392_000;
/// 2026-01-01T00:00:00Z and 2027-01-01T00:00:00Z: the ends of the certificate's validity.
pub(crate) const NOT_BEFORE: u64 = 1_767_225_600;
pub(crate) const NOT_AFTER: u64 = 1_798_761_600;
/// The issuer as messages name it; the certificate has it the other way round.
pub(crate) const ISSUER: &str = "CN=AC Assinatura T001, OU=Um, OU=Dois, O=\"Banco, Teste & Filhos\", C=BR";
/// The serial number, larger than any machine number.
pub(crate) const SERIAL: &str = "5529224565488886204649542255";

pub(crate) struct Signer {
    key: KeyPair,
    pub(crate) pem: String,
}

impl Signer {
    fn new() -> Self {
        let key = rcgen::KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CountryName, "BR");
        params.distinguished_name.push(DnType::OrganizationName, "Banco, Teste & Filhos");
        // rcgen keeps one attribute of a type, so the second unit is of the same type by its number.
        params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 11]), "Dois");
        params.distinguished_name.push(DnType::OrganizationalUnitName, "Um");
        params.distinguished_name.push(DnType::CommonName, "AC Assinatura T001");
        let serial: u128 = SERIAL.parse().unwrap();
        params.serial_number = Some(SerialNumber::from_slice(&serial.to_be_bytes()[4..]));
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2027, 1, 1);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { key: KeyPair::from_pkcs8(&key.serialize_der()).unwrap(), pem }
    }

    pub(crate) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), bytes, &mut signature).unwrap();
        signature
    }

    pub(crate) fn verifier(&self) -> Verifier {
        Verifier::full(Certificates::from_files([("signer.pem", &self.pem)]).unwrap())
    }
}

/// The signer that the verifier knows.
pub(crate) fn signer() -> &'static Signer {
    static SIGNER: OnceLock<Signer> = OnceLock::new();
    SIGNER.get_or_init(Signer::new)
}

/// A signer with a certificate of the same issuer and serial number, and another key.
pub(crate) fn impostor() -> &'static Signer {
    static IMPOSTOR: OnceLock<Signer> = OnceLock::new();
    IMPOSTOR.get_or_init(Signer::new)
}
