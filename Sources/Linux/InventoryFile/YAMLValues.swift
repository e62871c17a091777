package import JSON

/// YAML of other programs, such as the content of a ConfigMap.
package enum YAMLValues {
    /// The first document of `text` with every scalar as a string; nil if it is not YAML. Aliases become
    /// null, and tags are ignored.
    package static func read(_ text: String) -> JSONValue? {
        do throws(YAMLError) {
            let octets = Array(text.utf8).withoutByteOrderMark
            try checkText(octets)
            var builder = YAMLTreeBuilder(text: octets)
            return json(try builder.build())
        } catch {
            return nil
        }
    }

    /// Ends: the builder has bounded the depth.
    private static func json(_ node: YAMLNode) -> JSONValue {
        switch node.content {
        case .scalar(let text): .string(text)
        case .sequence(let nodes): .array(nodes.map(json))
        case .mapping(let entries): .object(entries.map { ($0.key, json($0.value)) })
        case .refused: .null
        }
    }
}
