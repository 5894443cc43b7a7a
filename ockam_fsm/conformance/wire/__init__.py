"""The black-box kit: judges any Ockam node over TCP, by its messages and connections alone.

    target.py          the declaration of the node under test
    case.py            the definition of a case; cases/ has a module of cases for each subject
    case_context.py    connections, sessions and the record of a case
    table_oracle.py    the reference end as an oracle for the cases of the tables
    stream_client.py   the kit as a client of the node's stream service
    initiator_kit.py   runs the cases in which the node initiates and the kit is the responder (initiator_context.py) or
                       the stream service (stream_server.py)
    preflight.py       checks that the declared addresses answer before anything is judged
    bystander.py       connections and sessions that no case touches
    own_bounds.py      undeclared time-outs of the node, so that they are not taken for harm
    harm.py            finds the case that has harmed the rest of the node
    runner.py          runs a case and keeps its finding
    kit.py             runs the cases, probes the rest of the node after each hostile one, makes the report

Rule 1: no cooperation. A spawner (or static responder) whose sessions send data back and an echo worker are enough.
Rule 2: only observations count: silence is judged once a later message was answered, time against declared durations.
Rule 3: every wait, every case and the whole run are bounded, whatever the node does.
"""
