package import JSON
import LinuxSystem
import Time

/// Sends requests to a running server over its control socket.
package enum ControlClient {
    /// The longest answer that is read, in octets.
    static let longestAnswer = 4 << 20

    /// The answer of the first server that listens at one of `paths`.
    ///
    /// - Parameter timeoutMilliseconds: How long is waited for it.
    package static func ask(
        _ request: ControlRequest, at paths: [String],
        timeoutMilliseconds: Int = ControlServer.timeoutMilliseconds
    ) throws(ControlError) -> (answer: JSONValue, path: String) {
        for path in paths {
            let socket: FileDescriptor
            do throws(Errno) {
                socket = try LocalSocket.connect(to: path)
            } catch {
                if error == .connectionRefused || error == .noSuchFile { continue }
                throw error == .permissionDenied ? .notAllowed(path: path) : .failed(path: path, error)
            }
            let (octets, isLate): ([UInt8], Bool)
            do throws(Errno) {
                (octets, isLate) = try exchange(request.line + "\n", on: socket, timeoutMilliseconds)
            } catch {
                throw .failed(path: path, error)
            }
            guard let answer = try? JSONReader.read(octets) else {
                throw isLate
                    ? .noAnswer(path: path, milliseconds: timeoutMilliseconds) : .unreadable(path: path)
            }
            if let reason = answer["error"]?.string { throw .refused(reason) }
            return (answer, path)
        }
        throw .noServer(paths: paths)
    }

    /// Sends `line`, and reads until the server closes the connection, time is up (`isLate`) or the answer is
    /// too long.
    private static func exchange(
        _ line: String, on socket: borrowing FileDescriptor, _ timeoutMilliseconds: Int
    ) throws(Errno) -> (octets: [UInt8], isLate: Bool) {
        do throws(Errno) {
            // One short line always fits into the buffer of a new socket.
            _ = try StreamSocket.send(Array(line.utf8).span, on: socket)
        } catch {
            // A server that refuses the client may have closed already; its answer must still be read.
            guard error == .brokenPipe else { throw error }
        }
        let epoll = try Epoll()
        try epoll.add(socket, .readable, token: 0)
        var events = EpollEvents(capacity: 1)
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        var answer: [UInt8] = []
        let deadline = MonotonicClock.now.advanced(milliseconds: timeoutMilliseconds)
        while answer.count < longestAnswer {  // ends: at the deadline at the latest
            let rest = deadline.nanoseconds(since: MonotonicClock.now) / 1_000_000
            guard rest > 0, try epoll.wait(into: &events, milliseconds: Int32(clamping: rest)) > 0
            else { return (answer, true) }
            var span = buffer.mutableSpan
            do throws(Errno) {
                switch try StreamSocket.receive(from: socket, into: &span) {
                case .nothing: continue
                case .end: return (answer, false)
                case .octets(let count): answer += buffer[..<count]
                }
            } catch {
                // A server that refuses the client closes before it has read our line.
                guard error == .connectionReset else { throw error }
                return (answer, false)
            }
        }
        return (answer, false)
    }
}
