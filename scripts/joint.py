"""The page of the results of joint training: every figure, table and claim, from the runs in the archives.

See `papers.joint`.
"""

from papers.joint import main

if __name__ == "__main__":
    main()
