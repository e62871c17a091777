import DNSWire
import Forwarding
import IPAddressing
import LinuxSystem

// UDP: questions from clients.

extension ClientSockets {
    /// Batches that one socket may bring in one turn, so that other sockets are served too.
    private static var batchesPerTurn: Int { 4 }

    /// Passes the datagrams on listening socket `index` to the engine.
    mutating func receiveQuestions(
        _ index: Int, for unit: inout EngineUnit, _ resources: inout WorkerResources
    ) {
        guard let socket = listeners[index]?.socket else { return }
        for _ in 0..<Self.batchesPerTurn {
            let count: Int
            do throws(Errno) {
                count = try batch.receive(from: socket.descriptor)
            } catch {
                // An error of an earlier reply, which says nothing about the datagrams that wait here.
                continue
            }
            if count > 0 { unit.beginQuestions(&resources) }
            resources.counters.datagramsReceived += count
            for place in 0..<count {
                guard let path = path(of: place, socket, index) else {
                    resources.counters.datagramsIgnored += 1
                    continue
                }
                batch.give(place, from: path, to: &unit.engine, in: &resources.turn)
            }
            if count < batch.capacity { return }
            flush(&unit, &resources)
        }
    }

    /// The path of datagram `place` of the batch; nil if it is longer than any question, or has no usable
    /// address.
    private func path(of place: Int, _ socket: ListeningSocket, _ index: Int) -> ClientPath? {
        guard let sender = batch.sender(place), sender.endpoint.port != 0, !batch.isCut(place) else {
            return nil
        }
        var local = socket.endpoint.address
        var interface = sender.scope
        if socket.isWildcard {
            guard let destination = batch.destination(place) else { return nil }
            local = destination.address
            if interface == 0 { interface = destination.interface }
        }
        return ClientPath(
            client: sender.endpoint, local: local, interface: interface, socket: UInt32(index), generation: 0,
            transport: .udp)
    }
}

extension EngineUnit {
    /// Must be called after questions were received, before the engine gets them.
    ///
    /// The clock is read again: an answer that expired before the question was asked must not seem fresh.
    mutating func beginQuestions(_ resources: inout WorkerResources) {
        resources.now = MonotonicClock.now
        engine.unixTime = UInt32(truncatingIfNeeded: WallClock.seconds)
    }
}

extension DatagramBatch {
    /// Gives question `place` to the engine; a separate function, in which the batch is borrowed and the rest
    /// of the worker is accessible.
    fileprivate func give(
        _ place: Int, from path: ClientPath, to engine: inout ForwardingEngine, in turn: inout Turn
    ) {
        engine.receiveQuestion(message(place), from: path, in: &turn)
    }
}
