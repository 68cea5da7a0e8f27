//! Certificates and the arithmetic of quorums (E, E4).

use super::*;

fn verifies(n: usize, kind: Kind, signers: usize) -> Result<(), CertError> {
    let signers: Vec<usize> = (0..signers).collect();
    let claimed = certificate(kind, 0, 1, Digest([1; 32]), &signers);
    committee(n).check(claimed, &cluster::HashVerify).map(drop)
}

#[test]
fn two_quorums_of_any_size_of_group_share_an_honest_replica() {
    for n in 1..=100 {
        let members = (0..n as u8).map(|byte| quorate_pbft::PublicKey([byte + 1; 32])).collect();
        let committee = Committee::new(Digest::ZERO, Epoch::new(0), members).expect("distinct keys");
        let (f, q, w) = (committee.faulty_max(), committee.quorum(), committee.weak());
        assert_eq!((f, q, w), ((n - 1) / 3, 2 * n / 3 + 1, f + 1), "{n} replicas");
        assert!(2 * q - n >= w && q <= n - f, "{n} replicas");
    }
}

#[test]
fn a_certificate_needs_q_signers_and_may_have_more() {
    for n in SIZES {
        let q = committee(n).quorum();
        assert_eq!(verifies(n, Kind::Commit, q - 1), Err(CertError::TooFew { got: q - 1, needed: q }));
        assert_eq!(verifies(n, Kind::Commit, q), Ok(()));
        assert_eq!(verifies(n, Kind::Commit, n), Ok(()));
    }
}

#[test]
fn a_certificate_with_a_repeated_or_wrong_signature_proves_nothing() {
    let mut twice = certificate(Kind::Prepare, 0, 1, Digest([1; 32]), &[0, 1, 1]);
    assert_eq!(committee(4).check(twice.clone(), &cluster::HashVerify).map(drop), Err(CertError::Order));
    twice.signatures[2] = (id(2), twice.signatures[1].1);
    assert_eq!(committee(4).check(twice, &cluster::HashVerify).map(drop), Err(CertError::Signature(id(2))));
}

#[test]
fn statements_of_no_other_kind_make_a_certificate() {
    for kind in [Kind::Bundle, Kind::PrePrepare, Kind::ViewChange, Kind::NewView, Kind::Status] {
        assert_eq!(verifies(4, kind, 4), Err(CertError::Kind(kind)));
    }
}

/// E4: conflicting certificates of one view name f + 1 replicas, with proof.
#[test]
fn two_conflicting_certificates_of_one_view_prove_the_fault_of_f_plus_one() {
    for n in SIZES.into_iter().filter(|n| *n > 1) {
        let (committee, q) = (committee(n), committee(n).quorum());
        let first: Vec<usize> = (0..q).collect();
        let last: Vec<usize> = (n - q..n).collect();
        let constants = Constants::default();
        let context = cluster::context(&committee, &constants);
        let proofs = |digests: [u8; 2]| {
            let commits = |at: usize, of: &[usize]| certificate(Kind::Commit, 3, 7, Digest([digests[at]; 32]), of);
            let certificates = vec![commits(0, &first), commits(1, &last)];
            Remains { certificates, ..Remains::default() }.investigate(&context).proofs
        };
        assert!(proofs([1, 2]).len() >= committee.weak(), "{n} replicas");
        assert!(proofs([1, 2]).iter().all(|evidence| evidence.is_valid(&context)));
        assert!(proofs([1, 1]).is_empty());
    }
}
