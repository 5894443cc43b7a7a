"""The black-box kit: any Ockam node, judged over TCP by what it says and does, and by nothing else.

    target.py          what the user declares of the node under test
    case.py            what a case is; cases/ has them, a module for each subject
    case_context.py    what a case works with: connections, sessions, a record of all messages
    table_oracle.py    the reference beside the node, for the cases of the table
    stream_client.py   the kit as a client of the stream service of the node under test
    initiator_kit.py   the node under test initiates, the kit responds (initiator_context.py), or is its stream service
                       (stream_server.py)
    preflight.py       whether the addresses that the user has named answer at all, before anything is judged
    bystander.py       the rest of the node, which no case touches
    harm.py            whose doing it is that the rest of the node is not as before
    runner.py          runs one case after another
    kit.py             runs the cases, probes the rest of the node after each hostile one, gathers the report

Rule 1: no cooperation. A spawner (or static responder) whose sessions can be talked to, and an echo worker, are enough.
Rule 2: what is wrong is seen, never guessed: silence is judged after a later message was answered, time against what
        the user declares of the node.
Rule 3: it ends. Every wait, every case and the whole run are bounded, whatever the node does.
"""
