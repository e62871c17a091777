import Glibc
import LinuxSystem
import Testing

/// Who may read what is kept in a folder of state.
@Suite struct StateFolderTests {
    @Test func `others may read what is written for all, and nothing else`() throws {
        let path = "/tmp/namebridge-state-folder-\(getpid())"
        let folder = try StateFolder(path: path)
        defer {
            for name in ["ours", "public"] { try? folder.remove(name) }
            // Sound: the path is read during the call.
            unsafe rmdir(path)
        }
        try folder.write("ours", [1])
        try folder.write("public", [2], isForAll: true)
        #expect(Self.mode(path) == 0o711, "names can be looked up, not listed")
        #expect(Self.mode("\(path)/ours") == 0o600)
        #expect(Self.mode("\(path)/public") == 0o644)
        #expect(try folder.read("public") == [2])
    }

    @Test func `a file is written beside links that another user has put there, not through them`() throws {
        let path = "/tmp/namebridge-state-links-\(getpid())"
        let folder = try StateFolder(path: path)
        try folder.write("foreign", [9])
        // Sound, here and below: the paths are read during the calls.
        defer {
            for name in ["foreign", "ours", "lock"] { try? folder.remove(name) }
            unsafe rmdir(path)
        }
        for name in ["ours", "ours.new", "lock"] {
            #expect(unsafe symlink("foreign", "\(path)/\(name)") == 0)
        }
        try folder.write("ours", [1])
        #expect(try folder.read("ours") == [1] && folder.read("foreign") == [9] && folder.read("ours.new") == nil)
        #expect(throws: Errno.symbolicLink) { _ = try folder.lock("lock") }
    }

    @Test func `lines are not appended through a symbolic link`() throws {
        let path = "/tmp/namebridge-append-\(getpid())"
        let link = path + ".link"
        // Sound, here and below: the paths are read during the calls.
        defer {
            unsafe unlink(path)
            unsafe unlink(link)
        }
        try AppendedFile(path).append("a line\n")
        #expect(unsafe symlink(path, link) == 0)
        #expect(throws: Errno.symbolicLink) { _ = try AppendedFile(link) }
        #expect(try FileContents.read(path) == Array("a line\n".utf8))
    }

    private static func mode(_ path: String) -> mode_t {
        var status = stat()
        // Sound: the path and the structure live during the call.
        guard unsafe stat(path, &status) == 0 else { return 0 }
        return status.st_mode & 0o777
    }
}
