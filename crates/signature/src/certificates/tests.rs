//! Which files are certificates, which numbers are serial numbers.

use rcgen::{
    CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize, SerialNumber,
};

use super::*;

fn rsa() -> KeyPair {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap()
}

fn certificate(key: &KeyPair, serial: &[u8]) -> rcgen::Certificate {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, "BR");
    params.distinguished_name.push(DnType::CommonName, "AC Teste");
    params.serial_number = Some(SerialNumber::from_slice(serial));
    params.self_signed(key).unwrap()
}

fn problems(files: &[(&str, &[u8])]) -> Vec<String> {
    let files = files.iter().map(|(name, bytes)| (*name, *bytes));
    Certificates::from_files(files).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn pem_and_der_and_bundles_are_taken_and_repeats_are_one() {
    let key = rsa();
    let (one, two) = (certificate(&key, &[1]), certificate(&key, &[2; 20]));
    let bundle = format!("Subject: x\n{}\nmore\n{}", one.pem(), two.pem().replace('\n', "\r\n"));
    let files = [("a.pem", bundle.as_bytes()), ("b.cer", one.der().as_ref())];
    let certificates = Certificates::from_files(files).unwrap();
    assert_eq!(certificates.len(), 2);
    let of_twenty = "11462757939850218966303410452676729565928882690";
    for serial in ["1", " 001\n", of_twenty] {
        assert!(certificates.load("CN=AC Teste, C=BR", serial).is_ok(), "{serial}");
    }
    let of = |issuer, serial| certificates.load(issuer, serial).map(|_| ());
    assert_eq!(of("CN=AC Teste, C=BR", "3"), Err(Fault::UnknownCertificate));
    assert_eq!(of("CN=AC Outra, C=BR", "1"), Err(Fault::UnknownCertificate));
    assert_eq!(of("AC Teste", "1"), Err(Fault::IssuerName));
    for serial in ["", "-1", "+1", "1 2", "0x1", "\u{661}"] {
        assert_eq!(of("CN=AC Teste, C=BR", serial), Err(Fault::SerialNumber), "{serial}");
    }
}

#[test]
fn all_problems_of_all_files_are_told() {
    let (key, other) = (rsa(), rsa());
    let good = certificate(&key, &[1]);
    let twin = certificate(&other, &[1]);
    let elliptic = certificate(&KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap(), &[3]);
    let mut trailing = good.der().to_vec();
    trailing.push(0);
    let cut = &good.pem()[..200];
    assert_eq!(
        problems(&[
            ("good.pem", good.pem().as_bytes()),
            ("twin.pem", twin.pem().as_bytes()),
            ("elliptic.der", elliptic.der()),
            ("key.pem", key.serialize_pem().as_bytes()),
            ("cut.pem", cut.as_bytes()),
            ("trailing.der", &trailing),
            ("empty", b""),
            ("readme.txt", b"certificates of the SPI"),
        ]),
        [
            "twin.pem: another certificate has the same issuer and serial number",
            "elliptic.der: the certificate's key is not RSA of 2048 to 8192 bits",
            "key.pem: holds a PEM block that is not a certificate",
            "cut.pem: is not valid PEM",
            "trailing.der: is not a certificate in PEM or DER",
            "empty: is not a certificate in PEM or DER",
            "readme.txt: is not a certificate in PEM or DER",
        ]
    );
}

#[test]
fn a_folder_without_files_is_an_empty_store() {
    let none: [(&str, &[u8]); 0] = [];
    assert!(Certificates::from_files(none).unwrap().is_empty());
}
