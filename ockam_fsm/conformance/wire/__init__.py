"""The black-box kit: any Ockam node, judged over TCP by what it says and does, and by nothing else.

    target.py       what the user declares of the node under test
    case_context.py          what a case works with: connections, sessions, a record of everything that was said
    case.py        what a case is; the modules below have them
    connections.py  clauses 14.1 and 14.4      handshakes.py   both profiles, the node under test responds
    generations.py  profile generation         timing.py       what needs declared durations
    streams.py      a stream service, as far as a clause speaks of it
    initiators.py   the node under test initiates, the kit responds (initiator_context.py, initiator_kit.py)
    runner.py       one case after another, and what was found
    kit.py          runs the cases, probes the rest of the node after each hostile one, gathers the report

Rule 1: no cooperation. A spawner (or static responder) whose sessions can be talked to, and an echo worker, are enough.
Rule 2: what is wrong is seen, never guessed: silence is judged after a later message was answered, time against what
        the user declares of the node.
Rule 3: it ends. Every wait, every case and the whole run are bounded, whatever the node does.
"""
