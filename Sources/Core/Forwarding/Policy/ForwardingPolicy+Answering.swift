import DNSWire
package import DomainNames

extension ForwardingPolicy {
    /// The route of a question; nil if its client may not ask.
    func route(_ exchange: ClientExchange) -> Route? {
        exchange.view.map { route(exchange.message, exchange.query.question, view: $0) }
    }

    /// The route of a question for an address of `name`; nil for one that can't be asked.
    package func route(of name: DomainName, view: Int) -> Route? {
        let message = NameHints.message(name, type: RecordType.a)
        guard let question = try? Question(reading: message.span) else { return nil }
        return route(message.span, question, view: view)
    }

    /// True if questions of a view's clients for the name go to servers; else they must not learn of it.
    package func mayAsk(_ name: DomainName, view: Int) -> Bool {
        guard case .ask = route(of: name, view: view) else { return false }
        return true
    }

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
