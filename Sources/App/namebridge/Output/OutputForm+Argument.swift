import ArgumentParser

extension OutputForm: ExpressibleByArgument {}
