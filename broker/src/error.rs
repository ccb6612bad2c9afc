//! Why a broker cannot be opened, or cannot listen.

/// Why a broker cannot be opened, or cannot listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Give the system a source of randomness; tokens are sealed with it.
    #[error("the system gives no random bytes: {0}")]
    Randomness(getrandom::Error),
    /// Choose another folder, or end the broker that has this one.
    #[error(transparent)]
    Folder(#[from] crate::log::FolderFault),
    /// See what is wrong with the log.
    #[error(transparent)]
    Log(#[from] crate::log::Fault),
    /// Choose an address that is free and yours.
    #[cfg(feature = "listen")]
    #[error("cannot listen on {address}: {reason}")]
    Address {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system says.
        reason: std::io::Error,
    },
    /// Listen on a loopback address, or say that everyone who reaches this machine may read and write.
    #[cfg(feature = "listen")]
    #[error(
        "{0} can be reached from other machines, and requests are not verified: listen on a loopback address, or allow it \
         expressly"
    )]
    Exposed(std::net::SocketAddr),
    /// Give a certificate and its key, in PEM.
    #[cfg(feature = "listen")]
    #[error("the certificate or its key cannot be used: {reason}")]
    Certificate {
        /// What is wrong with it.
        reason: String,
    },
}
