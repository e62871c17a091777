import ClusterDiscovery
import InventoryFile
import JSON
import Testing

/// Asks `cluster` until nothing is left to ask.
func survey(_ cluster: StandInCluster, context: String = "prod") throws -> ClusterSurvey {
    var survey = ClusterSurvey(context: context) { YAMLValues.read($0) }
    for _ in 0..<100 {
        let topics = survey.next()
        if topics.isEmpty { return survey }
        for topic in topics {
            let method = topic.body == nil ? "GET" : "POST"
            let request = StandInServer.Request(method: method, target: survey.path(of: topic), body: topic.body ?? "")
            let response = try #require(cluster.answer(request))
            let message = try? JSONReader.read(Array(response.body.utf8))["message"]?.string
            switch response.status {
            case 200: survey.take(Array(response.body.utf8), for: topic)
            case 403: survey.take(.forbidden(reason: message ?? ""), for: topic)
            case 404: survey.take(.notFound, for: topic)
            case 410: survey.take(.expired, for: topic)
            case 422: survey.take(.invalid(message ?? ""), for: topic)
            default: survey.take(.other(message ?? ""), for: topic)
            }
        }
    }
    Issue.record("a survey without end")
    return survey
}
