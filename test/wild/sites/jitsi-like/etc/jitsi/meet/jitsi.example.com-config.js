var config = {}
