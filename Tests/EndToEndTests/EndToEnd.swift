import Testing

/// The forwarder as a process of its own, between real name servers and real clients.
///
/// Not tested here: the speed (see `make bench`), and hostile messages, which no real client sends.
@Suite(.serialized, .enabled(if: RealServers.obstacle == nil, Comment(rawValue: RealServers.obstacle ?? "")))
enum EndToEnd {}
