import FuzzTargets
import Glibc

/// The target whose name `NAMEBRIDGE_FUZZ_TARGET` holds.
private let target: FuzzTarget = {
    // Sound: the string lives as long as the environment, which nothing changes, and is copied here.
    let name = unsafe getenv("NAMEBRIDGE_FUZZ_TARGET").map { unsafe String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        let known = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
        stop("NAMEBRIDGE_FUZZ_TARGET is \"\(name)\", expected one of: \(known)")
    }
    return target
}()

/// The function that libFuzzer calls with each input; `main` is its own.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // Sound: libFuzzer owns `count` octets from `start` on during the call; they are copied here.
    let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    let objections = target.objections(to: input)
    if !objections.isEmpty { stop(objections.joined(separator: "\n")) }
    return 0
}

/// Ends the process in a way that libFuzzer counts as a finding.
private func stop(_ reason: String) -> Never {
    print(reason)
    fflush(nil)
    abort()
}
