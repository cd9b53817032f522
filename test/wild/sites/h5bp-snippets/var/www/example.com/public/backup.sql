drop table
