/// Configurations that several suites apply.
enum LabFile {
    /// A segment between two clusters of one node each; 192.168.0.21 is that of the first.
    static let twoClusters = """
        clusters:
          c1:
            pods: [10.234.64.0/18]
            cni: calico-ipip
            nodes: { a: { address: 192.168.0.21, pods: [10.234.111.0/24] } }
          c2:
            pods: [10.235.64.0/18]
            cni: calico-ipip
            nodes: { b: { address: 192.168.0.16, pods: [10.235.88.0/24] } }
        paths:
          - { between: [c1, c2], via: vxlan, vxlan: { id: 10001, port: 4899, network: 10.255.1.0/24 } }

        """
}
