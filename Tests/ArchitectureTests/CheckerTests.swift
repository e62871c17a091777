import Testing

/// The checkers themselves: a check that cannot fail proves nothing.
@Suite struct CheckerTests {
    @Test(arguments: [
        ("DNSWire", "Core", "Glibc", "Core does not import Glibc"),
        ("DNSWire", "Core", "Forwarding", "DNSWire stands below Forwarding"),
        ("DNSServer", "Linux", "CLDNS", "CLDNS is imported by LDNSBridge alone"),
        ("DNSServer", "Linux", "Foundation", "Foundation is not imported anywhere"),
        ("Novel", "Core", "DNSWire", "module Novel is missing in LayerTable"),
        ("Forwarding", "Core", "DNSServer", "Forwarding stands below DNSServer"),
        ("NetworkPlanning", "Core", "DNSWire", "LayerTable does not let NetworkPlanning import DNSWire"),
        ("DNSServer", "Linux", "NetworkModel", "LayerTable does not let DNSServer import NetworkModel"),
    ])
    func `a forbidden import is reported`(
        module: String, layer: String, imported: String, objection: String
    ) {
        #expect(LayerTable.objection(to: imported, in: module, layer: layer) == objection)
    }

    @Test(arguments: [
        ("Forwarding", "Core", "DNSWire"), ("Telemetry", "Core", "Synchronization"),
        ("DNSServer", "Linux", "Glibc"),
        ("namebridge", "App", "ArgumentParser"), ("LoadGenerator", "Support", "Glibc"),
    ])
    func `an allowed import is not reported`(module: String, layer: String, imported: String) {
        #expect(LayerTable.objection(to: imported, in: module, layer: layer) == nil)
    }

    @Test func `words in comments and literals are not code`() {
        let text = """
            // try! this
            let a = "try! \\(f("as!")) fatalError("  /* try! /* as! */ try! */ + b
            let c = #"a " try!"#
            let d = try! e
            """
        let file = SourceFile(path: "Sources/Core/A/A.swift", text: text)
        #expect(file.code.map { $0.contains("try!") || $0.contains("as!") } == [false, false, false, true])
        #expect(file.code[1].contains("+ b"))
    }

    @Test func `imports are read in every form`() {
        let text = "import A\npackage import B\n@preconcurrency import C\nimport struct D.E\n// import F\n"
        let file = SourceFile(path: "Sources/Core/A/A.swift", text: text)
        #expect(file.imports.map(\.module) == ["A", "B", "C", "D"])
        #expect(file.imports.map(\.line) == [1, 2, 3, 4])
    }

    @Test func `functions are measured from their first line to their brace`() {
        let text = """
            protocol P {
                func required(_ a: Int) -> Int
                init(b: Int)
            }
            struct S: P {
                func required(
                    _ a: Int = { 1 }()
                ) -> Int {
                    if a > 0 { return 1 }
                    return 2
                }
                init(b: Int) {}
            }
            """
        let measured = functions(of: SourceFile(path: "Sources/Core/A/A.swift", text: text))
        #expect(measured.map(\.name) == ["required", "init"])
        #expect(measured.map(\.line) == [6, 12])
        #expect(measured.map(\.length) == [6, 1])
    }

    @Test func `parameters are counted, and those of an initializer of all properties known`() {
        let text = """
            func none() {}
            func several<A>(_ a: [A: (B, C)], by b: (D, E) -> F, c: [G] = [1, 2], _ d: inout H) -> [I: J] {
            }
            init(
                a: Int, b: [Int: Int] = [:]
            ) {
                self.a = a
                self.b = b
            }
            init(a: Int) { self.b = a }
            """
        let measured = functions(of: SourceFile(path: "Sources/Core/A/A.swift", text: text))
        #expect(measured.map(\.parameters) == [0, 4, 2, 1])
        #expect(measured.map(\.isMemberwise) == [false, false, true, false])
    }

    @Test func `a file is of the type that its name begins with`() {
        let names = ["Engine.swift", "Deep/Engine+Asking.swift", "Deep/Schema+Hosts.swift"].map {
            SourceFile(path: "Sources/Core/A/\($0)", text: "extension Engine {\n}").typeName
        }
        #expect(names == ["Engine", "Engine", nil])
    }
}
