//! The rules that turn a certificate into an ISPB and roles, as the operator configures them.

use std::collections::BTreeSet;

use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::Ispb;

/// How certificates are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityRules {
    /// Where the ISPB is looked for; the first source that has one decides.
    pub ispb_from: Vec<IspbSource>,
    /// Which certificates have roles; all rules that match count.
    pub roles: Vec<RoleRule>,
}

/// A place in the subject that may hold the ISPB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IspbSource {
    /// An `OU` of the form `ISPB-nnnnnnnn`, among any number of OUs.
    Ou,
    /// A `CN` of eight characters `[0-9A-Z]`.
    Cn,
}

/// A role for the certificates that match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRule {
    /// Which certificates.
    pub subject: Match,
    /// Which role.
    pub role: Role,
}

/// How a rule finds its certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// The subject's `CN`, exactly.
    Name(String),
    /// SHA-256 of the certificate's DER.
    Fingerprint(Digest),
}

/// What a rule grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// Publishing.
    Publish(Scope),
    /// Everything on the admin listener.
    Admin(Scope),
    /// Day-to-day work on the admin listener: nothing that takes data away, admits or keeps.
    Operator(Scope),
    /// Reading on the admin listener.
    Auditor(Scope),
}

/// For which participants a certificate has a role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Scope {
    /// For nobody.
    #[default]
    None,
    /// For every participant.
    All,
    /// For these.
    Some(BTreeSet<Ispb>),
}

/// The roles of one certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    /// For whom it may publish.
    pub publish: Scope,
    /// For whom it may do everything on the admin listener.
    pub admin: Scope,
    /// For whom it may do day-to-day work on the admin listener.
    pub operator: Scope,
    /// For whom it may read on the admin listener.
    pub auditor: Scope,
}

impl Default for IdentityRules {
    fn default() -> Self {
        Self { ispb_from: vec![IspbSource::Ou, IspbSource::Cn], roles: Vec::new() }
    }
}

impl IdentityRules {
    /// What all rules together grant.
    pub(super) fn roles_of(&self, names: &[&str], fingerprint: &Digest) -> Roles {
        let mut roles = Roles::default();
        for rule in self.roles.iter().filter(|rule| rule.subject.covers(names, fingerprint)) {
            roles.grant(&rule.role);
        }
        roles
    }
}

impl Match {
    fn covers(&self, names: &[&str], fingerprint: &Digest) -> bool {
        match self {
            Self::Name(name) => names.contains(&name.as_str()),
            Self::Fingerprint(known) => known == fingerprint,
        }
    }
}

impl Scope {
    /// Whether this participant is in it.
    #[must_use]
    pub fn covers(&self, ispb: Ispb) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Some(ispbs) => ispbs.contains(&ispb),
        }
    }

    /// Makes it cover what the other one covers, too.
    pub fn widen(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::All, _) | (_, Self::None) => {}
            (_, Self::All) => *self = Self::All,
            (Self::None, Self::Some(_)) => *self = other.clone(),
            (Self::Some(ispbs), Self::Some(more)) => ispbs.extend(more),
        }
    }
}

impl Roles {
    /// Whether there is any role at all.
    #[must_use]
    pub fn any(&self) -> bool {
        self.any_of_admin() || self.publish != Scope::None
    }

    /// Whether there is any role of the admin listener.
    #[must_use]
    pub fn any_of_admin(&self) -> bool {
        [&self.admin, &self.operator, &self.auditor].into_iter().any(|scope| *scope != Scope::None)
    }

    fn grant(&mut self, role: &Role) {
        match role {
            Role::Publish(scope) => self.publish.widen(scope),
            Role::Admin(scope) => self.admin.widen(scope),
            Role::Operator(scope) => self.operator.widen(scope),
            Role::Auditor(scope) => self.auditor.widen(scope),
        }
    }
}
