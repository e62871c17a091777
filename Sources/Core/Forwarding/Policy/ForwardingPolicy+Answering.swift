import DNSWire

extension ForwardingPolicy {
    /// True if questions for the name are sent to `group` for some client: its answers may come from
    /// that group.
    ///
    /// - Parameter name: In wire form, uncompressed.
    package func mayAnswer(_ name: Span<UInt8>, group: Int) -> Bool {
        var message: [UInt8] = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        message.reserveCapacity(message.count + name.count + 4)
        for index in name.indices { message.append(name[index]) }
        message += [0, 1, 0, 1]
        guard let question = try? Question(reading: message.span) else { return false }
        return views.indices.contains { view in
            guard case .ask(let target, _) = route(message.span, question, view: view) else { return false }
            return target.groups.contains(group)
        }
    }
}
