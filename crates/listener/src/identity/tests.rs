//! Facts about reading certificates (protocol, section 7).

use rcgen::{CertificateParams, DnType, DnValue, KeyPair};

use super::*;

const ONE: &str = "99999001";
const TWO: &str = "9999900A";

/// A certificate with these subject attributes, in this order, and serial number 0x0102.
fn certificate(attributes: &[(DnType, &str)]) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    for (kind, value) in attributes {
        params.distinguished_name.push(kind.clone(), DnValue::Utf8String((*value).to_owned()));
    }
    params.serial_number = Some(rcgen::SerialNumber::from_slice(&[1, 2]));
    let key = KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().der().to_vec()
}

/// The kind `OU` once more: rcgen keeps one value for each kind.
fn second_ou() -> DnType {
    DnType::CustomDnType(vec![2, 5, 4, 11])
}

fn ispb(text: &str) -> Ispb {
    text.parse().unwrap()
}

fn claim_of(attributes: &[(DnType, &str)]) -> IspbClaim {
    Identity::from_der(&certificate(attributes), &IdentityRules::default()).unwrap().ispb
}

#[test]
fn an_ou_names_the_ispb_among_other_ous() {
    let ou = DnType::OrganizationalUnitName;
    assert_eq!(
        claim_of(&[(ou.clone(), "SPI"), (second_ou(), "ISPB-99999001"), (DnType::CommonName, "bank")]),
        IspbClaim::One(ispb(ONE))
    );
    assert_eq!(
        claim_of(&[(ou, "ISPB-9999900A"), (second_ou(), "SPI"), (DnType::CommonName, "bank")]),
        IspbClaim::One(ispb(TWO))
    );
}

#[test]
fn two_different_ispb_ous_are_a_conflict_even_beside_a_good_cn() {
    let ou = DnType::OrganizationalUnitName;
    assert_eq!(
        claim_of(&[(ou, "ISPB-99999001"), (second_ou(), "ISPB-9999900A"), (DnType::CommonName, ONE)]),
        IspbClaim::Conflict
    );
}

#[test]
fn the_same_ispb_twice_is_one() {
    let ou = DnType::OrganizationalUnitName;
    assert_eq!(claim_of(&[(ou, "ISPB-99999001"), (second_ou(), "ISPB-99999001")]), IspbClaim::One(ispb(ONE)));
}

#[test]
fn the_cn_is_asked_when_no_ou_has_the_form() {
    let ou = DnType::OrganizationalUnitName;
    for unit in
        ["ISPB-9999900", "ISPB-9999900a", "ispb-99999001", "ISPB-99999001 ", "99999001", "ISPB-999990011"]
    {
        assert_eq!(
            claim_of(&[(ou.clone(), unit), (DnType::CommonName, TWO)]),
            IspbClaim::One(ispb(TWO)),
            "{unit}"
        );
    }
    assert_eq!(claim_of(&[(DnType::CommonName, "producer")]), IspbClaim::None);
}

#[test]
fn an_ou_wins_over_the_cn() {
    let ou = DnType::OrganizationalUnitName;
    assert_eq!(claim_of(&[(ou, "ISPB-99999001"), (DnType::CommonName, TWO)]), IspbClaim::One(ispb(ONE)));
}

#[test]
fn the_order_of_sources_is_the_operators() {
    let der = certificate(&[(DnType::OrganizationalUnitName, "ISPB-99999001"), (DnType::CommonName, TWO)]);
    let read = |ispb_from: Vec<IspbSource>| {
        Identity::from_der(&der, &IdentityRules { ispb_from, roles: Vec::new() }).unwrap().ispb
    };
    assert_eq!(read(vec![IspbSource::Cn, IspbSource::Ou]), IspbClaim::One(ispb(TWO)));
    assert_eq!(read(vec![IspbSource::Cn]), IspbClaim::One(ispb(TWO)));
    assert_eq!(read(Vec::new()), IspbClaim::None);
}

#[test]
fn roles_come_by_name_and_by_fingerprint_and_add_up() {
    let der = certificate(&[(DnType::CommonName, "producer")]);
    let rule = |subject, role| RoleRule { subject, role };
    let rules = IdentityRules {
        roles: vec![
            rule(Match::Name("producer".to_owned()), Role::Publish(Scope::Some([ispb(ONE)].into()))),
            rule(Match::Fingerprint(Digest::of(&der)), Role::Publish(Scope::Some([ispb(TWO)].into()))),
            rule(Match::Name("Producer".to_owned()), Role::Admin(Scope::All)),
            rule(Match::Fingerprint(Digest::of(b"another")), Role::Auditor(Scope::All)),
        ],
        ..IdentityRules::default()
    };
    let identity = Identity::from_der(&der, &rules).unwrap();
    assert_eq!(identity.ispb, IspbClaim::None);
    assert_eq!(identity.roles.publish, Scope::Some([ispb(ONE), ispb(TWO)].into()));
    assert!(!identity.roles.any_of_admin() && identity.roles.any());
}

#[test]
fn scopes_only_widen() {
    let mut scope = Scope::None;
    scope.widen(&Scope::Some([ispb(ONE)].into()));
    scope.widen(&Scope::None);
    assert!(scope.covers(ispb(ONE)) && !scope.covers(ispb(TWO)));
    scope.widen(&Scope::All);
    scope.widen(&Scope::Some([ispb(ONE)].into()));
    assert_eq!(scope, Scope::All);
}

#[test]
fn a_certificate_without_cn_goes_by_its_fingerprint() {
    let der = certificate(&[(DnType::OrganizationalUnitName, "ISPB-99999001")]);
    let identity = Identity::from_der(&der, &IdentityRules::default()).unwrap();
    assert_eq!(identity.name, Digest::of(&der).to_string());
    assert_eq!(identity.certificate.serial_hex(), "0102");
}

#[test]
fn leading_zeros_do_not_tell_serials_apart() {
    assert_eq!(CertificateId::new(b"ca", &[0, 0x80, 1]), CertificateId::new(b"ca", &[0x80, 1]));
    assert_ne!(CertificateId::new(b"ca", &[1]), CertificateId::new(b"other", &[1]));
}

#[test]
fn bytes_that_are_no_certificate_are_an_error() {
    assert!(Identity::from_der(b"not a certificate", &IdentityRules::default()).is_err());
}
