"""How queries come, as MLPerf Inference has it: single-stream, multi-stream, server, offline. numpy, and this room.

The definitions are those of its rules (github.com/mlcommons/inference_policies, inference_rules.adoc, "Scenarios"):

    single-stream   one sample a query, the next when it is answered            latency of the query
    multi-stream    N samples a query, the next when all are answered           latency of the query, p99
    server          one sample a query, arriving as a Poisson process            highest rate whose p99 keeps a bound
    offline         all samples at once                                          samples a second

Single-stream is `sampling.interleave` itself. Latency is counted from when a query was due to come.
"""
